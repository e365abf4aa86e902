using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TunFlow.BindingGenerator.Model;

namespace TunFlow.BindingGenerator.LibClang;

/// <summary>One parsed header. Cursors and types of it are valid until it is disposed.</summary>
[SuppressMessage("Usage", "CA2216", Justification = "Lives for one call in a program that ends after it.")]
internal sealed unsafe class TranslationUnit : IDisposable
{
    private readonly string _path;
    private nint _index;
    private nint _unit;

    /// <exception cref="HeaderException">The header does not compile.</exception>
    public TranslationUnit(string path)
    {
        LibClangLibrary.Load();
        _path = path;
        string[] arguments = ["-x", "c", "-std=c11", $"-I{Path.GetDirectoryName(Path.GetFullPath(path))}"];
        _index = Clang.clang_createIndex(0, 0);
        var error = Parse(arguments);
        if (error != 0)
        {
            Dispose();
            throw new HeaderException([new HeaderError(new SourceLocation(path, 1, 1), $"libclang can not parse the file (CXErrorCode {error})")]);
        }

        var errors = Diagnostics();
        if (errors.Count == 0)
            return;
        Dispose();
        throw new HeaderException(errors);
    }

    public CXCursor Root => Clang.clang_getTranslationUnitCursor(_unit);

    public void Dispose()
    {
        if (_unit != 0)
            Clang.clang_disposeTranslationUnit(_unit);
        if (_index != 0)
            Clang.clang_disposeIndex(_index);
        (_unit, _index) = (0, 0);
    }

    public static List<CXCursor> Children(CXCursor cursor)
    {
        var children = new List<CXCursor>();
        var handle = GCHandle.Alloc(children);
        try
        {
            _ = Clang.clang_visitChildren(cursor, &Collect, GCHandle.ToIntPtr(handle));
        }
        finally
        {
            handle.Free();
        }

        return children;
    }

    public static bool IsInMainFile(CXCursor cursor) =>
        Clang.clang_Location_isFromMainFile(Clang.clang_getCursorLocation(cursor)) != 0;

    public SourceLocation LocationOf(CXCursor cursor) => LocationOf(Clang.clang_getCursorLocation(cursor));

    /// <summary>First and last line of a declaration.</summary>
    public (int Start, int End) LinesOf(CXCursor cursor)
    {
        var extent = Clang.clang_getCursorExtent(cursor);
        return (LocationOf(Clang.clang_getRangeStart(extent)).Line, LocationOf(Clang.clang_getRangeEnd(extent)).Line);
    }

    /// <summary>The tokens of a declaration, comments left out.</summary>
    public List<string> TokensOf(CXCursor cursor)
    {
        const int commentKind = 4;
        CXToken* tokens = null;
        uint count = 0;
        Clang.clang_tokenize(_unit, Clang.clang_getCursorExtent(cursor), &tokens, &count);
        var result = new List<string>();
        for (uint i = 0; i < count; i++)
        {
            if (Clang.clang_getTokenKind(tokens[i]) != commentKind)
                result.Add(Clang.clang_getTokenSpelling(_unit, tokens[i]).Take());
        }

        Clang.clang_disposeTokens(_unit, tokens, count);
        return result;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Collect(CXCursor cursor, CXCursor parent, nint data)
    {
        const int visitContinue = 1;
        ((List<CXCursor>)GCHandle.FromIntPtr(data).Target!).Add(cursor);
        return visitContinue;
    }

    private int Parse(string[] arguments)
    {
        var texts = Array.ConvertAll(arguments, Marshal.StringToCoTaskMemUTF8);
        var file = Marshal.StringToCoTaskMemUTF8(_path);
        try
        {
            fixed (nint* pointers = texts)
            fixed (nint* unit = &_unit)
            {
                return Clang.clang_parseTranslationUnit2(
                    _index, (byte*)file, (byte**)pointers, texts.Length, 0, 0,
                    Clang.DetailedPreprocessingRecord | Clang.SkipFunctionBodies, unit);
            }
        }
        finally
        {
            Marshal.FreeCoTaskMem(file);
            Array.ForEach(texts, Marshal.FreeCoTaskMem);
        }
    }

    private List<HeaderError> Diagnostics()
    {
        var errors = new List<HeaderError>();
        var count = Clang.clang_getNumDiagnostics(_unit);
        for (uint i = 0; i < count; i++)
        {
            var diagnostic = Clang.clang_getDiagnostic(_unit, i);
            if (Clang.clang_getDiagnosticSeverity(diagnostic) >= Clang.SeverityError)
                errors.Add(new HeaderError(LocationOf(Clang.clang_getDiagnosticLocation(diagnostic)), Clang.clang_getDiagnosticSpelling(diagnostic).Take()));
            Clang.clang_disposeDiagnostic(diagnostic);
        }

        return errors;
    }

    private SourceLocation LocationOf(CXSourceLocation location)
    {
        Clang.clang_getExpansionLocation(location, out var file, out var line, out var column, out _);
        var name = file == 0 ? _path : Clang.clang_getFileName(file).Take();
        return new SourceLocation(name, (int)line, (int)column);
    }
}
