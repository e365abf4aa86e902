using System.Net;
using System.Net.Sockets;

namespace TunFlow.Network;

/// <summary>Prepares a socket before it is bound or connected: binds it to an interface, marks it, hands it to the system's protect call.</summary>
/// <remarks>Called once for every socket this library creates, on the thread that creates it. An exception fails the operation that needed the socket, and the socket is closed. Without a configurator a VPN client's own traffic may loop into its own tunnel.</remarks>
/// <param name="socket">The new socket. Not to be kept.</param>
/// <param name="remote">The endpoint it'll be connected to, or null for a socket that talks to many.</param>
public delegate void SocketConfigurator(Socket socket, EndPoint? remote);
