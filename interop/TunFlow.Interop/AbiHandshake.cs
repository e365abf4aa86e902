using System.Runtime.InteropServices;

namespace TunFlow.Interop;

/// <summary>Finds out whether a library was built from the header that the bindings were generated from.</summary>
internal static unsafe class AbiHandshake
{
    /// <summary>Longest table that is believed; a larger count comes from a library with another idea of the function.</summary>
    private const uint MaxEntries = 4096;

    /// <summary>Asks the loaded library. Null if it matches, else why it does not.</summary>
    internal static string? Check()
    {
        var version = NativeMethods.tf_abi_version();
        if (version != NativeMethods.TF_ABI_VERSION)
            return $"it has ABI version {version}, this assembly needs {NativeMethods.TF_ABI_VERSION}";

        uint count = 0;
        var table = NativeMethods.tf_abi_layout(&count);
        if (table is null || count is 0 or > MaxEntries)
            return $"its layout table has {count} entries";
        var native = new List<NativeLayoutEntry>((int)count);
        for (uint i = 0; i < count; i++)
            native.Add(new NativeLayoutEntry(Marshal.PtrToStringUTF8((nint)table[i].Name) ?? string.Empty, table[i].Size, table[i].Offset));
        return Compare(NativeLayout.Measure(), native);
    }

    /// <summary>
    /// Compares both ways: a field that only one side knows is as wrong as one that lies elsewhere. Null if both agree, else
    /// the first difference of each struct.
    /// </summary>
    internal static string? Compare(IReadOnlyList<NativeLayoutEntry> managed, IReadOnlyList<NativeLayoutEntry> native)
    {
        var differences = new List<string>();
        var byName = new Dictionary<string, NativeLayoutEntry>(StringComparer.Ordinal);
        foreach (var entry in native)
        {
            if (!byName.TryAdd(entry.Name, entry))
                differences.Add($"{entry.Name} is listed twice");
        }

        foreach (var mine in managed)
        {
            if (!byName.Remove(mine.Name, out var theirs))
                differences.Add($"{mine.Name} is missing in the library");
            else if (theirs != mine)
                differences.Add($"{mine.Name} has size {theirs.Size} at offset {theirs.Offset} in the library, size {mine.Size} at offset {mine.Offset} here");
        }

        differences.AddRange(byName.Keys.Order(StringComparer.Ordinal).Select(name => $"{name} is unknown here"));
        return differences.Count == 0 ? null : string.Join("; ", differences);
    }
}
