using System.Net;

namespace TunFlow.Cli.Arguments;

/// <summary>Turns the words of the command line into options.</summary>
internal static class CommandLine
{
    /// <summary>Options of <c>run</c>, or null if help was asked for.</summary>
    internal static RunOptions? ParseRun(IReadOnlyList<string> arguments)
    {
        ArgumentReader reader = new(arguments);
        RunOptions options = new() { Command = [] };
        while (reader.Read())
        {
            switch (reader.Option)
            {
                case "--help" or "-h":
                    return null;
                case "--proxy":
                    ArgumentValues.Proxy(reader.Option, reader.SingleValue());
                    break;
                case "--mtu":
                    options = options with { Mtu = ArgumentValues.Mtu(reader.Option, reader.SingleValue()) };
                    break;
                case "--dns":
                    options = options with { Dns = ArgumentValues.Resolver(reader.Option, reader.SingleValue()) };
                    break;
                case "--allow-host-loopback":
                    options = options with { AllowHostLoopback = reader.Flag() };
                    break;
                case "--stats":
                    options = options with { Statistics = reader.Flag() };
                    break;
                default:
                    throw Unknown(reader.Option, "run");
            }
        }

        return reader.Rest switch
        {
            null or [] => throw CliException.Usage("run: no command; it follows --, as in 'tunflow run -- curl http://example.com'"),
            ["", ..] => throw CliException.Usage("run: the command is empty"),
            _ => options with { Command = reader.Rest },
        };
    }

    /// <summary>Options of <c>up</c>, or null if help was asked for.</summary>
    internal static UpOptions? ParseUp(IReadOnlyList<string> arguments)
    {
        ArgumentReader reader = new(arguments);
        string? tun = null;
        List<InterfaceAddress> addresses = [];
        List<IPNetwork> routes = [];
        UpOptions options = new() { Tun = string.Empty };
        while (reader.Read())
        {
            switch (reader.Option)
            {
                case "--help" or "-h":
                    return null;
                case "--tun":
                    tun = ArgumentValues.InterfaceName(reader.Option, reader.SingleValue());
                    break;
                case "--proxy":
                    ArgumentValues.Proxy(reader.Option, reader.SingleValue());
                    break;
                case "--mtu":
                    options = options with { Mtu = ArgumentValues.Mtu(reader.Option, reader.SingleValue()) };
                    break;
                case "--interface":
                    options = options with { Interface = ArgumentValues.InterfaceName(reader.Option, reader.SingleValue()) };
                    break;
                case "--address":
                    addresses.Add(ArgumentValues.Address(reader.Option, reader.Value()));
                    break;
                case "--route":
                    routes.Add(ArgumentValues.Route(reader.Option, reader.Value()));
                    break;
                case "--stats":
                    options = options with { Statistics = reader.Flag() };
                    break;
                default:
                    throw Unknown(reader.Option, "up");
            }
        }

        if (reader.Rest is not null)
            throw CliException.Usage("up: takes no command; 'tunflow run' does");
        if (tun is null)
            throw CliException.Usage("up: --tun NAME is required");
        return options with { Tun = tun, Addresses = addresses, Routes = routes };
    }

    private static CliException Unknown(string option, string command) =>
        CliException.Usage($"{command}: unknown option '{option}'; see 'tunflow {command} --help'");
}
