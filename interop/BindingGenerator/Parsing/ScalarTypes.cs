using TunFlow.BindingGenerator.Model;

namespace TunFlow.BindingGenerator.Parsing;

/// <summary>Typedef names whose meaning is fixed by the C standard, whatever type a platform builds them from.</summary>
internal static class ScalarTypes
{
    private static readonly Dictionary<string, PrimitiveKind> Known = new(StringComparer.Ordinal)
    {
        ["int8_t"] = PrimitiveKind.Int8,
        ["uint8_t"] = PrimitiveKind.UInt8,
        ["int16_t"] = PrimitiveKind.Int16,
        ["uint16_t"] = PrimitiveKind.UInt16,
        ["int32_t"] = PrimitiveKind.Int32,
        ["uint32_t"] = PrimitiveKind.UInt32,
        ["int64_t"] = PrimitiveKind.Int64,
        ["uint64_t"] = PrimitiveKind.UInt64,
        ["size_t"] = PrimitiveKind.UIntPtr,
        ["uintptr_t"] = PrimitiveKind.UIntPtr,
        ["intptr_t"] = PrimitiveKind.IntPtr,
        ["ptrdiff_t"] = PrimitiveKind.IntPtr,
    };

    /// <summary>Typedefs that must not be looked through, with the reason.</summary>
    private static readonly Dictionary<string, string> Rejected = new(StringComparer.Ordinal)
    {
        ["va_list"] = "va_list has no C# counterpart",
        ["__builtin_va_list"] = "va_list has no C# counterpart",
        ["__gnuc_va_list"] = "va_list has no C# counterpart",
        ["wchar_t"] = "wchar_t has 2 or 4 bytes depending on the platform",
        ["time_t"] = "time_t has 4 or 8 bytes depending on the platform",
        ["off_t"] = "off_t has 4 or 8 bytes depending on the platform",
        ["ssize_t"] = "ssize_t is not standard C; use intptr_t",
    };

    public static bool TryGet(string typedefName, out PrimitiveKind kind) => Known.TryGetValue(typedefName, out kind);

    public static string? RejectionOf(string typedefName) => Rejected.GetValueOrDefault(typedefName);

    /// <summary>Why a built-in type is refused, or null if it is not one of those.</summary>
    public const string LongReason =
        "'long' has 4 bytes on Windows and 8 on other 64-bit systems; use a fixed-width type of <stdint.h>";
}
