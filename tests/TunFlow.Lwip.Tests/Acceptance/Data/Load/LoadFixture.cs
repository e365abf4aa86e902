using TunFlow.Lwip.Tests.Fakes;

namespace TunFlow.Lwip.Tests.Acceptance.Data.Load;

/// <summary>Devices with a <see cref="Swarm"/> in front of them, disposed and checked after each test.</summary>
internal abstract class LoadFixture
{
    private readonly List<(LwipDevice Device, Swarm Swarm)> _started = [];

    /// <summary>Also for a test of many rounds: a process has few stacks.</summary>
    [TearDown]
    public async Task EndAsync()
    {
        try
        {
            foreach ((LwipDevice device, Swarm swarm) in _started)
            {
                swarm.Resume();
                await device.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));
                await swarm.Completion.WaitAsync(TimeSpan.FromSeconds(20));
                Assert.That(device.GetStatistics().Asserts, Is.Zero, "failed assertions of lwIP");
            }
        }
        finally
        {
            _started.Clear();
        }
    }

    protected (LwipDevice Device, Swarm Swarm) Start(int clients, LoadDialer dialer, LwipDeviceOptions? options = null, FakePacketProxy? proxy = null)
    {
        NativeLibraryRequirement.Check();
        LwipDevice device = new(dialer, proxy ?? new FakePacketProxy(), options);
        Swarm swarm = new(device, clients);
        _started.Add((device, swarm));
        return (device, swarm);
    }

    /// <summary>Runs work on threads that do nothing but burn time, twice as many as there are processors.</summary>
    protected static async Task UnderContentionAsync(Func<Task> work)
    {
        using CancellationTokenSource stop = new();
        CancellationToken token = stop.Token;
        Thread[] burners = new Thread[2 * Environment.ProcessorCount];
        for (int i = 0; i < burners.Length; i++)
        {
            burners[i] = new Thread(() =>
            {
                while (!token.IsCancellationRequested)
                    Thread.SpinWait(100);
            }) { IsBackground = true };
            burners[i].Start();
        }

        try
        {
            await work();
        }
        finally
        {
            await stop.CancelAsync();
            foreach (Thread burner in burners)
                burner.Join();
        }
    }
}
