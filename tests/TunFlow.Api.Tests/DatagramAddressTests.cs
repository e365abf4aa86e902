using System.Net;
using System.Reflection;
using TunFlow.Api.Tests.Support;
using TunFlow.Network;
using TunFlow.Network.Relays;
using TunFlow.Testing;

namespace TunFlow.Api.Tests;

/// <summary>On the data path an endpoint is an address by its type, so nobody can be asked to look a name up there.</summary>
[TestFixture]
public sealed class DatagramAddressTests
{
    // What datagrams pass through, in either direction.
    private static readonly Type[] s_dataPath =
    [
        typeof(IPacketRequestSender), typeof(IPacketResponseReceiver), typeof(IPacketErrorReceiver), typeof(IPacketConnection), typeof(IPacketAssociation),
        typeof(IConnectedPacketConnection), typeof(ReceivedDatagram), typeof(PacketHandler),
    ];

    [TestCaseSource(nameof(s_dataPath)), Weakness(28)]
    public void Endpoints_of_datagrams_are_addresses(Type type)
    {
        ArgumentNullException.ThrowIfNull(type);
        string[] loose =
        [
            .. type.GetMethods().SelectMany(static method => method.GetParameters().Select(static parameter => parameter.ParameterType).Append(method.ReturnType)
                .Where(static used => used == typeof(EndPoint) || used == typeof(DnsEndPoint) || used == typeof(string))
                .Select(used => $"{method.Name}: {used.Name}"))
                // Who the socket is, or is connected to, is told, not used; and records print themselves.
                .Where(static use => !use.StartsWith("get_LocalEndPoint", StringComparison.Ordinal) && !use.StartsWith("get_RemoteEndPoint", StringComparison.Ordinal) && !use.StartsWith("ToString", StringComparison.Ordinal)),
        ];

        Assert.That(loose, Is.Empty);
    }

    [Test, Weakness(28)]
    public void Only_what_dials_takes_an_endpoint_that_may_be_a_name()
    {
        string[] dials = ["DialStreamAsync", "DialPacketAsync", "FromDialer", "Format"];

        string[] others =
        [
            .. ProductAssemblies.All.SelectMany(static assembly => assembly.GetExportedTypes())
                .Where(static type => !type.IsSubclassOf(typeof(Delegate)))
                .SelectMany(static type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
                .Where(static method => !method.IsSpecialName && method.GetParameters().Any(static parameter => parameter.ParameterType == typeof(EndPoint) || parameter.ParameterType == typeof(DnsEndPoint)))
                .Where(method => !dials.Contains(method.Name))
                .Select(static method => $"{method.DeclaringType!.Name}.{method.Name}"),
        ];

        Assert.That(others, Is.Empty);
    }
}
