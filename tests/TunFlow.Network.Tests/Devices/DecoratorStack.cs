namespace TunFlow.Network.Tests;

/// <summary>A decorated device, and what its decorators dropped so far.</summary>
internal sealed record DecoratorStack(IBatchIPDevice Top, Func<long> Dropped);
