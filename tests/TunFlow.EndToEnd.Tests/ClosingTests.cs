using System.Net;
using System.Net.Sockets;
using TunFlow.EndToEnd.Tests.Harness;
using TunFlow.EndToEnd.Tests.Servers;

namespace TunFlow.EndToEnd.Tests;

/// <summary>How connections end: half-closes in either order, resets in either direction.</summary>
[TestFixture]
public sealed class ClosingTests
{
    private const int Size = 10_000_000;
    private const string ClientFirst =
        """
        import hashlib, socket, sys
        s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 30)
        s.sendall(b"that is all I have to say")
        s.shutdown(socket.SHUT_WR)
        digest = hashlib.sha256()
        while data := s.recv(65536):
            digest.update(data)
        print(digest.hexdigest())
        """;

    private const string ServerFirst =
        """
        import random, socket, sys
        s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 30)
        said = b""
        while data := s.recv(65536):
            said += data
        print(said.decode())
        s.sendall(open(sys.argv[3], "rb").read())
        s.shutdown(socket.SHUT_WR)
        """;

    private const string SeesReset =
        """
        import socket, sys
        s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 30)
        s.sendall(b"x")
        try:
            print("data" if s.recv(1) else "end of file")
        except ConnectionResetError:
            print("reset")
        """;

    private const string Resets =
        """
        import socket, struct, sys
        s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 30)
        s.sendall(b"x")
        s.recv(1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
        """;

    private Topology _topology = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        Requirements.Check("python3");
        _topology = await Topology.CreateAsync();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_topology is not null)
            await _topology.DisposeAsync();
    }

    [TestCase(AddressFamily.InterNetwork)]
    [TestCase(AddressFamily.InterNetworkV6)]
    public async Task Client_that_closes_first_still_receives_10_MB(AddressFamily family)
    {
        byte[] content = TestData.Create(Size);
        using Socket listener = _topology.Host.Listen(new IPEndPoint(Topology.Server(family), 0));
        Task<ToolResult> client = _topology.Application.PythonAsync(ClientFirst, Arguments(listener));
        using Socket server = await listener.AcceptAsync().WaitAsync(Tool.DefaultTimeout);

        // Nothing is sent before the client's end of file has come through.
        byte[] said = await ReadToEndAsync(server);
        await SendAsync(server, content);
        server.Shutdown(SocketShutdown.Send);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(said, Is.EqualTo("that is all I have to say"u8.ToArray()));
            Assert.That((await client).Succeeded().Trim(), Is.EqualTo(TestData.Hash(content)));
        }
    }

    [TestCase(AddressFamily.InterNetwork)]
    [TestCase(AddressFamily.InterNetworkV6)]
    public async Task Server_that_closes_first_still_receives_10_MB(AddressFamily family)
    {
        byte[] content = TestData.Create(Size, seed: 2);
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(file, content);
            using Socket listener = _topology.Host.Listen(new IPEndPoint(Topology.Server(family), 0));
            Task<ToolResult> client = _topology.Application.PythonAsync(ServerFirst, [.. Arguments(listener), file]);
            using Socket server = await listener.AcceptAsync().WaitAsync(Tool.DefaultTimeout);
            await SendAsync(server, "go on"u8.ToArray());
            server.Shutdown(SocketShutdown.Send);

            byte[] received = await ReadToEndAsync(server);

            using (Assert.EnterMultipleScope())
            {
                Assert.That(TestData.Hash(received), Is.EqualTo(TestData.Hash(content)));
                Assert.That((await client).Succeeded().Trim(), Is.EqualTo("go on"));
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    [TestCase(AddressFamily.InterNetwork)]
    [TestCase(AddressFamily.InterNetworkV6)]
    public async Task Reset_by_the_server_reaches_the_client_as_a_reset(AddressFamily family)
    {
        using Socket listener = _topology.Host.Listen(new IPEndPoint(Topology.Server(family), 0));
        Task<ToolResult> client = _topology.Application.PythonAsync(SeesReset, Arguments(listener));
        using (Socket server = await listener.AcceptAsync().WaitAsync(Tool.DefaultTimeout))
        {
            await server.ReceiveAsync(new byte[1]);
            server.LingerState = new LingerOption(true, 0);
        }

        Assert.That((await client).Succeeded().Trim(), Is.EqualTo("reset"));
    }

    [TestCase(AddressFamily.InterNetwork)]
    [TestCase(AddressFamily.InterNetworkV6)]
    public async Task Reset_by_the_client_reaches_the_server_as_a_reset(AddressFamily family)
    {
        using Socket listener = _topology.Host.Listen(new IPEndPoint(Topology.Server(family), 0));
        Task<ToolResult> client = _topology.Application.PythonAsync(Resets, Arguments(listener));
        using Socket server = await listener.AcceptAsync().WaitAsync(Tool.DefaultTimeout);
        byte[] buffer = new byte[1];
        await server.ReceiveAsync(buffer);
        await server.SendAsync(buffer);

        SocketException? end = await Assert.ThrowsAsync<SocketException>(async () => await server.ReceiveAsync(buffer).WaitAsync(Tool.DefaultTimeout));

        Assert.That(end!.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset));
        (await client).Succeeded();
    }

    private static string[] Arguments(Socket listener)
    {
        var local = (IPEndPoint)listener.LocalEndPoint!;
        return [local.Address.ToString(), $"{local.Port}"];
    }

    private static async Task SendAsync(Socket socket, byte[] data)
    {
        for (int sent = 0; sent < data.Length;)
            sent += await socket.SendAsync(data.AsMemory(sent)).AsTask().WaitAsync(Tool.DefaultTimeout);
    }

    private static async Task<byte[]> ReadToEndAsync(Socket socket)
    {
        // No NetworkStream: it refuses a socket whose sending side is closed.
        using MemoryStream all = new();
        byte[] buffer = new byte[65536];
        int count;
        while ((count = await socket.ReceiveAsync(buffer).WaitAsync(Tool.DefaultTimeout)) > 0)
            all.Write(buffer, 0, count);
        return all.ToArray();
    }
}
