using System.Net;
using System.Net.Sockets;
using System.Reflection;
using TunFlow.Network;
using TunFlow.Network.Resolvers;
using TunFlow.Testing;

namespace TunFlow.Lwip.Tests;

/// <summary>Finds the transports that open sockets by themselves, has each of their constructors open one, and complains if the configurator didn't see it.</summary>
internal static class ConfiguratorCheck
{
    private static readonly Type[] s_transports =
    [
        typeof(IStreamDialer), typeof(IStreamEndpoint), typeof(IPacketListener), typeof(IPacketDialer), typeof(IPacketEndpoint), typeof(IDnsResolver),
    ];

    private static readonly Type[] s_results = [typeof(StreamConnection), typeof(IPacketConnection), typeof(IConnectedPacketConnection), typeof(DnsResponse)];

    /// <summary>The constructors through which a type gets no transport from outside.</summary>
    public static IEnumerable<ConstructorInfo> SelfReliant(Assembly assembly) => assembly.GetTypes()
        .Where(type => type is { IsAbstract: false, IsInterface: false } && s_transports.Any(transport => transport.IsAssignableFrom(type)))
        .SelectMany(type => type.GetConstructors())
        .Where(constructor => !constructor.GetParameters().Any(IsTransport));

    public static async Task<string?> ComplaintAsync(ConstructorInfo constructor)
    {
        string name = constructor.DeclaringType!.Name;
        if (!constructor.GetParameters().Any(parameter => parameter.ParameterType == typeof(SocketConfigurator)))
        {
            return $"{name} can be constructed without a transport and without a {nameof(SocketConfigurator)}";
        }

        using Socket listener = TcpLoopback.Listen();
        IPEndPoint server = (IPEndPoint)listener.LocalEndPoint!;
        int seen = 0;
        object subject = constructor.Invoke([.. constructor.GetParameters().Select(parameter => Argument(parameter, server, (_, _) => Interlocked.Increment(ref seen)))]);
        try
        {
            await OpenAsync(subject, server);
        }
        finally
        {
            (subject as IDisposable)?.Dispose();
        }

        return seen > 0 ? null : $"{name} opened a socket that its {nameof(SocketConfigurator)} did not see";
    }

    private static bool IsTransport(ParameterInfo parameter) =>
        s_transports.Contains(parameter.ParameterType)
        || (parameter.ParameterType.GetMethod("Invoke") is { } invoke && typeof(Delegate).IsAssignableFrom(parameter.ParameterType) && Gives(invoke.ReturnType));

    /// <summary>Whether a delegate that returns this is a transport: any other, a callback for certificates or logs, excuses nobody.</summary>
    private static bool Gives(Type type) => s_results.Any(result => result.IsAssignableFrom(type)) || type.GetGenericArguments().Any(Gives);

    private static object? Argument(ParameterInfo parameter, IPEndPoint server, SocketConfigurator configurator)
    {
        Type type = parameter.ParameterType;
        return type == typeof(SocketConfigurator) ? configurator
            : type.IsAssignableFrom(typeof(IPEndPoint)) ? server
            : type == typeof(IPAddress) ? server.Address
            : type == typeof(Uri) ? new Uri($"https://{server}/")
            : parameter.HasDefaultValue ? parameter.DefaultValue
            : type == typeof(string) ? server.ToString()
            : throw new NotSupportedException($"Teach this test to make a {type.Name} for {parameter.Member.DeclaringType}.");
    }

    /// <summary>The server never answers: cancelling ends what would wait for it.</summary>
    private static async Task OpenAsync(object subject, IPEndPoint server)
    {
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(2));
        try
        {
            IAsyncDisposable? opened = subject switch
            {
                IStreamDialer dialer => await dialer.DialStreamAsync(server, limit.Token),
                IStreamEndpoint endpoint => await endpoint.ConnectStreamAsync(limit.Token),
                IPacketListener packetListener => await packetListener.ListenPacketAsync(limit.Token),
                IPacketDialer packetDialer => await packetDialer.DialPacketAsync(server, limit.Token),
                IPacketEndpoint packetEndpoint => await packetEndpoint.ConnectPacketAsync(limit.Token),
                IDnsResolver resolver => await AskAsync(resolver, limit),
                _ => throw new NotSupportedException($"Teach this test to open a socket of {subject.GetType()}."),
            };
            await (opened?.DisposeAsync() ?? default);
        }
        catch (Exception exception) when (exception is OperationCanceledException or NetworkException)
        {
            // Whether it came to something does not matter: a socket was opened on the way, seen or not.
            TestContext.Out.WriteLine($"{subject.GetType().Name}: {exception.Message}");
        }
    }

    private static async Task<IAsyncDisposable?> AskAsync(IDnsResolver resolver, CancellationTokenSource limit)
    {
        limit.CancelAfter(TimeSpan.FromMilliseconds(300));
        await resolver.QueryAsync(new DnsQuestion("host.example", DnsRecordType.A), limit.Token);
        return null;
    }
}
