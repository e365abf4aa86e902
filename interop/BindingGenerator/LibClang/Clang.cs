using System.Runtime.InteropServices;

namespace TunFlow.BindingGenerator.LibClang;

/// <summary>The part of libclang's stable C interface (clang-c/Index.h) that the parser needs; names as in C.</summary>
internal static unsafe partial class Clang
{
    /// <summary>CXTranslationUnit_DetailedPreprocessingRecord: macros become cursors.</summary>
    public const uint DetailedPreprocessingRecord = 1;

    /// <summary>CXTranslationUnit_SkipFunctionBodies.</summary>
    public const uint SkipFunctionBodies = 0x40;

    /// <summary>CXDiagnostic_Error; everything below is a note or a warning.</summary>
    public const int SeverityError = 3;

    /// <summary>CXCallingConv_C: whatever the platform's C compiler uses by default.</summary>
    public const int CallingConventionC = 1;

    /// <summary>CX_SC_Static.</summary>
    public const int StorageStatic = 3;

    [LibraryImport(LibClangLibrary.Name)]
    public static partial nint clang_createIndex(int excludeDeclarationsFromPch, int displayDiagnostics);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial void clang_disposeIndex(nint index);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial int clang_parseTranslationUnit2(
        nint index, byte* file, byte** arguments, int argumentCount, nint unsavedFiles, uint unsavedCount, uint options, nint* unit);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial void clang_disposeTranslationUnit(nint unit);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial uint clang_getNumDiagnostics(nint unit);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial nint clang_getDiagnostic(nint unit, uint index);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial int clang_getDiagnosticSeverity(nint diagnostic);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXString clang_getDiagnosticSpelling(nint diagnostic);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXSourceLocation clang_getDiagnosticLocation(nint diagnostic);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial void clang_disposeDiagnostic(nint diagnostic);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXCursor clang_getTranslationUnitCursor(nint unit);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial uint clang_visitChildren(
        CXCursor parent, delegate* unmanaged[Cdecl]<CXCursor, CXCursor, nint, int> visitor, nint clientData);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial uint clang_equalCursors(CXCursor left, CXCursor right);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXString clang_getCursorSpelling(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXSourceLocation clang_getCursorLocation(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXSourceRange clang_getCursorExtent(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXSourceLocation clang_getRangeStart(CXSourceRange range);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXSourceLocation clang_getRangeEnd(CXSourceRange range);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial void clang_getExpansionLocation(
        CXSourceLocation location, out nint file, out uint line, out uint column, out uint offset);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXString clang_getFileName(nint file);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial int clang_Location_isFromMainFile(CXSourceLocation location);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXType clang_getCursorType(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXType clang_getTypedefDeclUnderlyingType(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXType clang_getEnumDeclIntegerType(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial long clang_getEnumConstantDeclValue(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial ulong clang_getEnumConstantDeclUnsignedValue(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXType clang_getCursorResultType(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial int clang_Cursor_getNumArguments(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXCursor clang_Cursor_getArgument(CXCursor cursor, uint index);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial uint clang_Cursor_isFunctionInlined(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial int clang_Cursor_getStorageClass(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial uint clang_Cursor_isBitField(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial long clang_Cursor_getOffsetOfField(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial uint clang_Cursor_isAnonymous(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial uint clang_Cursor_isMacroFunctionLike(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial uint clang_isCursorDefinition(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXCursor clang_getCursorDefinition(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial int clang_Cursor_isNull(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXCursor clang_getCanonicalCursor(CXCursor cursor);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXString clang_getTypeSpelling(CXType type);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXType clang_getCanonicalType(CXType type);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXType clang_Type_getNamedType(CXType type);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXType clang_Type_getModifiedType(CXType type);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXCursor clang_getTypeDeclaration(CXType type);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXType clang_getPointeeType(CXType type);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial uint clang_isConstQualifiedType(CXType type);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXType clang_getArrayElementType(CXType type);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial long clang_getArraySize(CXType type);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial long clang_Type_getSizeOf(CXType type);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial long clang_Type_getAlignOf(CXType type);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial uint clang_isFunctionTypeVariadic(CXType type);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial int clang_getFunctionTypeCallingConv(CXType type);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXType clang_getResultType(CXType type);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial int clang_getNumArgTypes(CXType type);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXType clang_getArgType(CXType type, uint index);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial void clang_tokenize(nint unit, CXSourceRange range, CXToken** tokens, uint* count);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial int clang_getTokenKind(CXToken token);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXString clang_getTokenSpelling(nint unit, CXToken token);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial void clang_disposeTokens(nint unit, CXToken* tokens, uint count);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial nint clang_getCString(CXString value);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial void clang_disposeString(CXString value);

    [LibraryImport(LibClangLibrary.Name)]
    public static partial CXString clang_getClangVersion();
}
