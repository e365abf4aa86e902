using TunFlow.Cli.Arguments;
using TunFlow.Devices.Linux.Launch;

namespace TunFlow.Cli;

/// <summary>The texts of <c>--help</c>.</summary>
internal static class HelpTexts
{
    internal const string Tool = """
        usage: tunflow run [OPTION...] -- COMMAND [ARGUMENT...]
               tunflow up --tun NAME [OPTION...]

          run   run a command whose only network is a tunnel
          up    serve a TUN device until SIGINT or SIGTERM

        'tunflow run --help' and 'tunflow up --help' list the options; 'tunflow --version' prints the version.

        """;

    internal static readonly string Run = $"""
        usage: tunflow run [OPTION...] -- COMMAND [ARGUMENT...]

        Runs COMMAND in network and mount namespaces of its own. Its only way out is a TUN device whose TCP connections
        and UDP datagrams this process carries on. No root is needed where the system allows user namespaces.

          --proxy URL            how connections leave; direct:// (the default): by this host's own sockets
          --mtu N                MTU of the TUN in bytes, {ArgumentValues.MinMtu} to {ArgumentValues.MaxMtu}; default 1500, below 1280 there is no IPv6
          --dns ADDRESS[:PORT]   who resolves names; default: the first name server of this host's resolv.conf
          --allow-host-loopback  let COMMAND reach this host's loopback: {LaunchAddresses.HostLoopback4} stands for 127.0.0.1 and
                                 {LaunchAddresses.HostLoopback6} for ::1; without the option they are refused
          --stats                print flows, bytes and drops to stderr at the end

        Signals are passed to COMMAND, and its exit code is this program's. 126: COMMAND cannot be executed, 127: it was
        not found, 128+N: signal N ended it, 2: wrong usage, 1: the tunnel could not be set up. What COMMAND has written
        when it ends is still delivered, as long as bytes move.

        """;

    internal static readonly string Up = $"""
        usage: tunflow up --tun NAME [OPTION...]

        Creates the TUN device NAME in this network namespace, or attaches to it if it exists, and carries its TCP
        connections and UDP datagrams until SIGINT or SIGTERM. The device may be moved into another namespace meanwhile.

          --tun NAME             the interface
          --proxy URL            how connections leave; direct:// (the default): by this host's own sockets
          --mtu N                MTU in bytes, {ArgumentValues.MinMtu} to {ArgumentValues.MaxMtu}; default: that of the device, 1500 for a new one
          --address CIDR         give the device an address, like 192.0.2.1/24; may be repeated
          --route CIDR           route a network to the device; may be repeated
          --interface NAME       send what leaves through this interface; without it, a route to the TUN that covers the
                                 destinations leads the tunnel's own connections back into it
          --stats                print flows, bytes and drops to stderr at the end and on SIGUSR1

        Exit codes: 0 after SIGINT or SIGTERM, 2: wrong usage, 1: the device cannot be had or has gone.

        """;
}
