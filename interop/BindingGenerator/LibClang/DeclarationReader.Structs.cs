using System.Collections.Immutable;
using TunFlow.BindingGenerator.Model;
using TunFlow.BindingGenerator.Parsing;

namespace TunFlow.BindingGenerator.LibClang;

internal sealed partial class DeclarationReader
{
    private void ReadStruct(CXCursor cursor)
    {
        var definition = Clang.clang_getCursorDefinition(cursor);
        var isOpaque = Clang.clang_Cursor_isNull(definition) != 0;
        // A forward declaration of something that follows says nothing; of an opaque struct the first declaration counts.
        if (isOpaque ? !Clang.clang_getCanonicalCursor(cursor).Is(cursor) : !IsDefinition(cursor))
            return;

        var name = NameOf(cursor);
        if (!CheckName(cursor, name, "struct"))
            return;
        if (isOpaque)
        {
            _structs.Add(new StructModel(name, 0, 0, [], CommentOf(cursor), _unit.LocationOf(cursor)));
            return;
        }

        var errorsBefore = _errors.Count;
        var fields = ImmutableArray.CreateBuilder<FieldModel>();
        foreach (var child in TranslationUnit.Children(cursor))
        {
            if (ReadMember(child, name) is { } field)
                fields.Add(field);
        }

        if (_errors.Count > errorsBefore)
            return;
        if (fields.Count == 0)
        {
            Reject(cursor, $"'{name}' has no members, which C does not allow");
            return;
        }

        var type = cursor.Type;
        _structs.Add(new StructModel(
            name,
            (int)Clang.clang_Type_getSizeOf(type),
            (int)Clang.clang_Type_getAlignOf(type),
            fields.ToImmutable(),
            CommentOf(cursor),
            _unit.LocationOf(cursor)));
    }

    private FieldModel? ReadMember(CXCursor cursor, string owner)
    {
        switch (cursor.Kind)
        {
            case CursorKind.FieldDecl:
                return ReadField(cursor, owner);
            case CursorKind.StructDecl or CursorKind.UnionDecl or CursorKind.EnumDecl:
                Reject(cursor, Clang.clang_Cursor_isAnonymous(cursor) != 0 || cursor.Spelling.Length == 0
                    ? $"'{owner}' has an anonymous member type; declare it with a name outside of the struct"
                    : $"'{cursor.Spelling}' is declared inside '{owner}'; declare it outside of the struct");
                return null;
            case CursorKind.PackedAttr or CursorKind.AlignedAttr:
                Reject(cursor, $"'{owner}' changes its layout with an attribute, which sequential layout does not follow");
                return null;
            default:
                return null;
        }
    }

    private FieldModel? ReadField(CXCursor cursor, string owner)
    {
        var name = cursor.Spelling;
        try
        {
            if (Clang.clang_Cursor_isBitField(cursor) != 0)
                throw new UnmappableException("bit-fields are laid out as each compiler likes");
            var type = cursor.Type;
            if (Clang.clang_getCanonicalType(type).Kind == TypeKind.IncompleteArray)
                throw new UnmappableException("a flexible array member has no size in C#");
            if (TranslationUnit.Children(cursor).Exists(c => c.Kind == CursorKind.AlignedAttr))
                throw new UnmappableException("an alignment attribute, which sequential layout does not follow");
            var offsetBits = Clang.clang_Cursor_getOffsetOfField(cursor);
            return new FieldModel(
                name,
                _types.Read(type),
                (int)(offsetBits / 8),
                (int)Clang.clang_Type_getSizeOf(type),
                (int)Clang.clang_Type_getAlignOf(type),
                CommentOf(cursor),
                _unit.LocationOf(cursor));
        }
        catch (UnmappableException e)
        {
            Reject(cursor, $"'{owner}.{name}': {e.Message}");
            return null;
        }
    }
}
