using System.Net;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using TunFlow.Lwip.Tests.Fakes;
using TunFlow.Network;
using TunFlow.Testing;
using TunFlow.Testing.Packets;

namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>The library as a plug-in that comes and goes.</summary>
[TestFixture]
[Category("Campaign")]
[NonParallelizable]
internal sealed class UnloadingTests
{
    [AcceptanceRow(33)]
    [Test]
    public void A_collectible_context_is_unloaded_after_a_device_ran_in_it()
    {
        NativeLibraryRequirement.Check();
        List<WeakReference> contexts = [];
        for (int i = 0; i < Campaign.Rounds(5, 100); i++)
        {
            contexts.Add(RunInContext());
            long start = Environment.TickCount64;
            while (contexts[^1].IsAlive)
            {
                Assert.That(Environment.TickCount64 - start, Is.LessThan(20_000), $"milliseconds until context {i} is unloaded");
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }
    }

    [AcceptanceRow(33)]
    [Test]
    public async Task Two_copies_of_the_library_share_the_stacks_of_the_process()
    {
        NativeLibraryRequirement.Check();
        await using LwipDevice device = new(new FakeDialer(), new FakePacketProxy());
        PacketLink link = new(device);
        TcpPeer peer = link.CreatePeer(IPEndPoint.Parse("93.184.216.34:80"));
        Assert.That(await peer.ConnectAsync(), Is.True);

        WeakReference context = RunInContext();

        await peer.SendAsync(new byte[100]);
        await peer.WaitAcknowledgedAsync();
        Assert.That(peer.WasReset, Is.False);
        Assert.That(context.Target, Is.Null.Or.Not.SameAs(AssemblyLoadContext.Default));
    }

    /// <summary>What runs inside: a device with a flow, a session and a metric listener's worth of statics.</summary>
    internal static async Task LiveAsync()
    {
        // A runtime that collects at every call takes half a minute for this on a quiet machine.
        TimeSpan patience = TimeSpan.FromMinutes(3);
        FakeDialer dialer = new();
        LwipDevice device = new(dialer, new FakePacketProxy(), new LwipDeviceOptions { DialTimeout = patience, HalfOpenTimeout = patience, DnsIdleTimeout = patience });
        PacketLink link = new(device);
        TcpPeer peer = link.CreatePeer(IPEndPoint.Parse("93.184.216.34:80"));
        peer.AllowRetransmissions = true;
        if (!await peer.ConnectAsync(patience))
            throw new InvalidOperationException("There is no connection.");
        await peer.SendAsync(new byte[5000], patience);
        await peer.WaitAcknowledgedAsync(patience);
        link.Send(PacketBuilder.UdpDatagram(IPEndPoint.Parse("10.9.0.2:5000"), IPEndPoint.Parse("8.8.8.8:53"), "x"u8));
        await link.NextAsync(patience);
        await device.DisposeAsync();
        await link.Completion;
        await Eventually.HoldsAsync(() => device.IsReleased && dialer.Upstreams.Single().Disposals == 1, "nothing is left", (int)patience.TotalMilliseconds);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference RunInContext()
    {
        PlugInContext context = new(Path.GetDirectoryName(typeof(UnloadingTests).Assembly.Location)!);
        Assembly assembly = context.LoadFromAssemblyPath(typeof(UnloadingTests).Assembly.Location);
        MethodInfo live = assembly.GetType(typeof(UnloadingTests).FullName!)!.GetMethod(nameof(LiveAsync), BindingFlags.Static | BindingFlags.NonPublic)!;
        Assert.That(assembly, Is.Not.SameAs(typeof(UnloadingTests).Assembly), "another copy");
        ((Task)live.Invoke(null, null)!).Wait(TimeSpan.FromSeconds(30));
        context.Unload();
        return new WeakReference(context);
    }

    /// <summary>Has copies of its own of this repository's assemblies; the runner's are shared.</summary>
    private sealed class PlugInContext(string directory) : AssemblyLoadContext("plug-in", isCollectible: true)
    {
        protected override Assembly? Load(AssemblyName assemblyName)
        {
            string file = Path.Combine(directory, assemblyName.Name + ".dll");
            return assemblyName.Name!.StartsWith("TunFlow", StringComparison.Ordinal) && File.Exists(file) ? LoadFromAssemblyPath(file) : null;
        }
    }
}
