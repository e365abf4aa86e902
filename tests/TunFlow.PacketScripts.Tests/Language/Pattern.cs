namespace TunFlow.PacketScripts.Language;

/// <summary>The bytes that streams carry where a script gives none: any shift, loss or repetition of them shows.</summary>
internal static class Pattern
{
    /// <summary>Bytes of the application's stream from <paramref name="offset"/> on.</summary>
    public static byte[] FromApplication(uint offset, int length) => Fill(offset, length, 17);

    /// <summary>Bytes of the stack's stream from <paramref name="offset"/> on.</summary>
    public static byte[] FromStack(uint offset, int length) => Fill(offset, length, 101);

    private static byte[] Fill(uint offset, int length, uint salt)
    {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++)
        {
            uint at = offset + (uint)i;
            bytes[i] = (byte)((at * 167) ^ (at >> 8) ^ (at >> 16) ^ salt);
        }

        return bytes;
    }
}
