namespace TunFlow.Lwip;

/// <summary>The kind of a <see cref="FlowDecision"/>.</summary>
internal enum FlowVerdict
{
    Accept = 0,
    Refuse = 1,
    Drop = 2,
}
