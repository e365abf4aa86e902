namespace TunFlow.PacketScripts.StateMachine;

/// <summary>The user's calls of RFC 9293 3.9.1; OPEN is what a waiting SYN is accepted with, CLOSE the half-close.</summary>
public enum UserCall
{
    Open,
    Send,
    Receive,
    Close,
    Abort,
    Status,
}
