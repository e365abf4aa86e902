namespace TunFlow.BindingGenerator;

/// <summary>What the bindings are called. The defaults are those of tunflow_lwip.h.</summary>
internal sealed record GeneratorOptions
{
    public static GeneratorOptions Default { get; } = new();

    /// <summary>Namespace of everything emitted.</summary>
    public string Namespace { get; init; } = "TunFlow.Interop";

    /// <summary>The class that holds the functions and constants.</summary>
    public string ClassName { get; init; } = "NativeMethods";

    /// <summary>Library name as LibraryImport gets it: no directory, prefix or suffix.</summary>
    public string LibraryName { get; init; } = "tunflow_lwip";

    /// <summary>Every type and function starts with it.</summary>
    public string Prefix { get; init; } = "tf_";

    /// <summary>Every constant starts with it; other macros are not looked at.</summary>
    public string ConstantPrefix { get; init; } = "TF_";

    /// <summary>The macro that exports a function. It is no constant.</summary>
    public string ExportMacro { get; init; } = "TF_API";
}
