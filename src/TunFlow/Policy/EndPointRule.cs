using System.Net;

namespace TunFlow.Policy;

/// <summary>One endpoint, or one address with all its ports, that stands for another.</summary>
/// <param name="Address">What the application asks for.</param>
/// <param name="Port">The only port that is translated, or null for all.</param>
/// <param name="TargetAddress">Where it goes.</param>
/// <param name="TargetPort">The port it goes to, or null for the same one.</param>
internal sealed record EndPointRule(IPAddress Address, int? Port, IPAddress TargetAddress, int? TargetPort)
{
    internal bool Matches(IPEndPoint destination) => (Port ?? destination.Port) == destination.Port && Address.Equals(destination.Address);

    /// <summary>Whether an answer from this endpoint may belong to the rule.</summary>
    internal bool TargetMatches(IPEndPoint source) => (TargetPort ?? source.Port) == source.Port && TargetAddress.Equals(source.Address);

    internal IPEndPoint Translate(IPEndPoint destination) => new(TargetAddress, TargetPort ?? destination.Port);

    internal IPEndPoint TranslateBack(IPEndPoint source) => new(Address, Port ?? source.Port);
}
