namespace TunFlow.Lwip.Tests.Acceptance.Lifetimes;

/// <summary>Where the library calls into code of the application's.</summary>
internal enum CallPlace
{
    Policy,
    Dial,
    DialToken,
    UpstreamWait,
    UpstreamRead,
    UpstreamWrite,
    UpstreamCompleteWrites,
    UpstreamAbort,
    UpstreamDispose,
    NewSession,
    SessionToken,
    SendDatagram,
    SenderDispose,
    Logger,
    Meter,
}
