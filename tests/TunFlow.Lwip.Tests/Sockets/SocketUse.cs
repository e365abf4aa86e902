namespace TunFlow.Lwip.Tests;

/// <summary>A place in the code that makes a socket, or has the platform make one.</summary>
/// <param name="Type">The outermost type that the code belongs to.</param>
/// <param name="What">What it calls.</param>
internal sealed record SocketUse(string Type, string What);
