using System.Runtime.InteropServices;

namespace TunFlow.Interop;

/// <summary>Owns one native stack; disposing it destroys the stack, exactly once.</summary>
/// <remarks>
/// <para>
/// tf_stack_destroy is a [lock] call: <see cref="SafeHandle.Dispose()"/> belongs under the lock that guards every other call on
/// this stack, and after it no call may use <see cref="Index"/>. Methods that pass <see cref="Index"/> to a native call must
/// keep the handle reachable (GC.KeepAlive, or being a field of an object that is), or the finalizer may run first.
/// </para>
/// <para>
/// The finalizer holds no lock. If a call is running on the stack at that moment the library answers TF_E_BUSY and destroys
/// nothing: the stack and its slot are then lost until the process ends, which <see cref="StackHandleStatistics.Leaked"/>
/// counts. A finalizer that waited for the other call could wait forever; one that destroyed anyway would free what that call
/// is using.
/// </para>
/// </remarks>
internal sealed class StackHandle : SafeHandle
{
    private static readonly nint Invalid = -1;

    private string? _creation;

    /// <summary>An invalid handle; <see cref="TryCreate"/> makes valid ones.</summary>
    internal StackHandle()
        : base(Invalid, ownsHandle: true)
    {
    }

    /// <inheritdoc />
    public override bool IsInvalid => handle == Invalid;

    /// <summary>The stack's index for native calls. Only meaningful while the handle is not closed.</summary>
    internal uint Index => (uint)handle;

    /// <summary>Creates a stack.</summary>
    /// <param name="config">Limits and secret; its size field is filled in here.</param>
    /// <param name="now">The caller's monotonic clock in microseconds.</param>
    /// <param name="stack">The handle, or null on failure.</param>
    /// <returns>TF_OK, or why the library refused: TF_E_LIMIT when all stacks of the build are taken.</returns>
    /// <exception cref="PlatformNotSupportedException">There is no usable native library.</exception>
    internal static unsafe TfStatus TryCreate(in TfConfig config, ulong now, out StackHandle? stack)
    {
        NativeLibraryInfo.ThrowIfUnsupported();
        var copy = config;
        copy.Size = (uint)sizeof(TfConfig);
        uint index = 0;
        // The handle exists before the stack does: no failed allocation can come between creating and owning it.
        var created = new StackHandle();
        var status = (TfStatus)NativeMethods.tf_stack_create(&copy, now, &index);
        if (status != TfStatus.Ok)
        {
            created.Dispose();
            stack = null;
            return status;
        }

        created.SetHandle((nint)index);
        created._creation = StackHandleStatistics.OnCreated();
        stack = created;
        return status;
    }

    /// <inheritdoc />
    protected override void Dispose(bool disposing)
    {
        if (!disposing && !IsInvalid)
            StackHandleStatistics.OnFinalized(_creation);
        base.Dispose(disposing);
    }

    /// <inheritdoc />
    protected override bool ReleaseHandle()
    {
        var status = (TfStatus)NativeMethods.tf_stack_destroy((uint)handle);
        StackHandleStatistics.OnReleased(status);
        return status == TfStatus.Ok;
    }
}
