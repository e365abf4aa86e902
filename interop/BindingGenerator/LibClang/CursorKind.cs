namespace TunFlow.BindingGenerator.LibClang;

/// <summary>The values of CXCursorKind (clang-c/Index.h) that matter here; they are the same in every release since 8.</summary>
internal enum CursorKind
{
    StructDecl = 2,
    UnionDecl = 3,
    EnumDecl = 5,
    FieldDecl = 6,
    EnumConstantDecl = 7,
    FunctionDecl = 8,
    VarDecl = 9,
    ParmDecl = 10,
    TypedefDecl = 20,
    PackedAttr = 408,
    VisibilityAttr = 417,
    DllExport = 418,
    AlignedAttr = 441,
    MacroDefinition = 501,
    MacroExpansion = 502,
    InclusionDirective = 503,
}
