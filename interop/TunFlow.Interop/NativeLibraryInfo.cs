namespace TunFlow.Interop;

/// <summary>Whether the native library can be used in this process. Determined once, at the first question, and kept.</summary>
/// <remarks>Thread-safe. Nothing may call <see cref="NativeMethods"/> before <see cref="ThrowIfUnsupported"/> has returned.</remarks>
internal static class NativeLibraryInfo
{
    private static readonly Lazy<Exception?> Failure = new(Probe, LazyThreadSafetyMode.ExecutionAndPublication);

    /// <summary>True if the library is there and matches. Never throws.</summary>
    internal static bool IsSupported => Failure.Value is null;

    /// <summary>Why <see cref="IsSupported"/> is false; null if it is true. Never throws.</summary>
    internal static string? UnsupportedReason => Failure.Value?.Message;

    /// <summary>The file in use; null without one, or when the program has the library linked in.</summary>
    internal static string? LibraryPath => NativeLibraryLoader.LoadedPath;

    /// <summary>How many stacks one process can run at a time; 0 if unsupported.</summary>
    internal static int StackLimit => IsSupported ? (int)NativeMethods.tf_stack_limit() : 0;

    /// <exception cref="PlatformNotSupportedException">The library is missing, does not load or does not match.</exception>
    internal static void ThrowIfUnsupported()
    {
        // A new exception each time: throwing one object from several threads mixes up their stack traces.
        if (Failure.Value is { } failure)
            throw new PlatformNotSupportedException(failure.Message, failure);
    }

    private static Exception? Probe()
    {
        try
        {
            return AbiHandshake.Check() is { } mismatch
                ? new PlatformNotSupportedException($"The native library {Describe()} does not match this assembly: {mismatch}.")
                : null;
        }
        catch (PlatformNotSupportedException e)
        {
            return e;
        }
        catch (EntryPointNotFoundException e)
        {
            return new PlatformNotSupportedException(
                $"The native library {Describe()} is not the one this assembly was made for: {e.Message}", e);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            // Reached only where the resolver is bypassed, as in a program that should have had the library linked in.
            return new PlatformNotSupportedException($"The native library {Describe()} could not be loaded: {e.Message}", e);
        }
    }

    private static string Describe() => NativeLibraryLoader.LoadedPath is { } path ? $"'{path}'" : $"'{NativeMethods.LibraryName}'";
}
