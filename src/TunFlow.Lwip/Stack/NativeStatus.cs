using TunFlow.Network;

namespace TunFlow.Lwip;

/// <summary>What a negative status of the native stack means to callers.</summary>
internal static class NativeStatus
{
    public const int Ok = 0;
    public const int Invalid = -1;
    public const int Stale = -2;
    public const int Memory = -3;
    public const int Limit = -4;
    public const int Busy = -5;
    public const int State = -6;
    public const int Reset = -7;
    public const int Aborted = -8;
    public const int TooBig = -9;
    public const int TimedOut = -10;

    public static NetworkError ToError(int status) => status switch
    {
        Stale => NetworkError.Closed,
        Memory or Limit => NetworkError.ResourceExhausted,
        State or Aborted => NetworkError.ConnectionAborted,
        Reset => NetworkError.ConnectionReset,
        TooBig => NetworkError.MessageTooLarge,
        TimedOut => NetworkError.TimedOut,
        _ => NetworkError.Unknown,
    };

    public static NetworkException ToException(int status) => new(ToError(status), message: null, status);
}
