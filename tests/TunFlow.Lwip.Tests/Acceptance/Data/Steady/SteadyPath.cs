namespace TunFlow.Lwip.Tests.Acceptance.Data.Steady;

/// <summary>Where packets go. Datagrams go to 64 remotes in rotation and come back.</summary>
internal enum SteadyPath
{
    StreamUp,
    StreamDown,
    Datagrams,
    TunnelStreamUp,
    TunnelStreamDown,
    TunnelDatagrams,
}
