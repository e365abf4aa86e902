namespace TunFlow.PacketScripts.Language;

public enum IPVersion
{
    V4 = 4,
    V6 = 6,
}
