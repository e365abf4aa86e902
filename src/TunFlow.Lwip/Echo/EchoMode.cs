namespace TunFlow.Lwip;

/// <summary>What becomes of the applications' echo requests (pings), ICMP and ICMPv6.</summary>
public enum EchoMode
{
    /// <summary>They are dropped and counted (<see cref="PacketDropReason.Echo"/>).</summary>
    Drop = 0,

    /// <summary>The device answers for every address at once. An answer says nothing about the remote host, nor does its delay.</summary>
    Answer = 1,

    /// <summary>The <see cref="LwipDeviceOptions.EchoHandler"/> decides about each.</summary>
    Handle = 2,
}
