namespace TunFlow.Devices.Linux.Launch;

/// <summary><c>enum tfl_kind</c>.</summary>
internal enum LaunchMessageKind
{
    /// <summary>The device is up and waits to be served.</summary>
    Ready = 1,

    /// <summary>The command's environment could not be built.</summary>
    Failed = 2,

    /// <summary>The command could not be executed.</summary>
    ExecFailed = 3,
}
