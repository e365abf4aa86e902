namespace TunFlow.Lwip;

/// <summary>The kind of an <see cref="EchoAnswer"/>.</summary>
internal enum EchoVerdict
{
    None = 0,
    Reply = 1,
    Unreachable = 2,
}
