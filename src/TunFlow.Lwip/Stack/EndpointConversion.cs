using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using TunFlow.Interop;

namespace TunFlow.Lwip;

/// <summary>Addresses across the boundary.</summary>
internal static unsafe class EndpointConversion
{
    private const int AddressBytes = 16;

    public static IPEndPoint ToEndPoint(in TfEndpoint endpoint)
    {
        fixed (TfEndpoint* pointer = &endpoint)
        {
            ReadOnlySpan<byte> bytes = new(pointer, endpoint.Family == 4 ? 4 : AddressBytes);
            return new IPEndPoint(new IPAddress(bytes), endpoint.Port);
        }
    }

    /// <summary>Dual-mode sockets name IPv4 peers as ::ffff:a.b.c.d; the stack knows them as IPv4.</summary>
    [SuppressMessage("Usage", "CA1806", Justification = "An IPv6 address always fits 16 bytes.")]
    public static TfEndpoint FromEndPoint(IPEndPoint endPoint)
    {
        TfEndpoint result = default;
        Span<byte> address = new(&result, AddressBytes);
        if (endPoint.AddressFamily == AddressFamily.InterNetwork)
        {
            endPoint.Address.TryWriteBytes(address, out _);
            result.Family = 4;
        }
        else
        {
            endPoint.Address.TryWriteBytes(address, out _);
            result.Family = 6;
            if (endPoint.Address.IsIPv4MappedToIPv6)
            {
                address[12..].CopyTo(address);
                address[4..].Clear();
                result.Family = 4;
            }
        }

        result.Port = (ushort)endPoint.Port;
        return result;
    }

    public static bool AreEqual(in TfEndpoint left, in TfEndpoint right)
    {
        fixed (TfEndpoint* a = &left, b = &right)
            return new ReadOnlySpan<byte>(a, sizeof(TfEndpoint)).SequenceEqual(new ReadOnlySpan<byte>(b, sizeof(TfEndpoint)));
    }
}
