namespace TunFlow.Cli.Run;

/// <summary>The soft limit of open files that the command inherits.</summary>
/// <remarks>
/// The runtime raises its own limit to the hard one when it starts. Programs that use select(2), or close every possible
/// descriptor, suffer when they inherit that, so the command is started with the limit of this process's parent, which is what it
/// would have had without this tool.
/// </remarks>
internal sealed unsafe class DescriptorLimit : IDisposable
{
    private const int OpenFiles = 7; // RLIMIT_NOFILE of asm-generic/resource.h

    private readonly ResourceLimit _own;
    private readonly bool _lowered;

    /// <summary>Lowers the limit until disposal; for the moment in which the command is started.</summary>
    internal DescriptorLimit()
    {
        ResourceLimit parent, own;
        // Fails where the parent belongs to somebody else; then its limit is not known and this one stays.
        if (UnixCalls.ResourceLimit(UnixCalls.GetParent(), OpenFiles, null, &parent) != 0
            || UnixCalls.ResourceLimit(0, OpenFiles, null, &own) != 0)
            return;
        _own = own;
        if (parent.Soft < own.Soft)
        {
            own.Soft = parent.Soft;
            _lowered = UnixCalls.ResourceLimit(0, OpenFiles, &own, null) == 0;
        }
    }

    public void Dispose()
    {
        ResourceLimit own = _own;
        if (_lowered)
            _ = UnixCalls.ResourceLimit(0, OpenFiles, &own, null);
    }
}
