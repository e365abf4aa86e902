namespace TunFlow.Testing.Packets;

/// <summary>The control bits of a TCP header.</summary>
[Flags]
public enum TcpFlags
{
    None = 0,
    Fin = 1,
    Syn = 2,
    Rst = 4,
    Psh = 8,
    Ack = 16,
}
