using System.Globalization;
using System.Reflection;

namespace TunFlow.Api.Tests.Support;

/// <summary>The names by which the compiler's documentation files call things (C# language specification, annex D.4.2).</summary>
internal static class DocumentationId
{
    internal static string Of(MemberInfo member) => member switch
    {
        Type type => "T:" + Name(type),
        FieldInfo field => $"F:{Name(field.DeclaringType!)}.{field.Name}",
        EventInfo happening => $"E:{Name(happening.DeclaringType!)}.{happening.Name}",
        PropertyInfo property => $"P:{Name(property.DeclaringType!)}.{property.Name}{Parameters(property.GetIndexParameters())}",
        MethodBase method => "M:" + Name(method),
        _ => throw new ArgumentException($"A {member.MemberType} has no documentation.", nameof(member)),
    };

    private static string Name(MethodBase method)
    {
        string arity = method.IsGenericMethod ? string.Create(CultureInfo.InvariantCulture, $"``{method.GetGenericArguments().Length}") : string.Empty;
        string result = method is MethodInfo { Name: "op_Implicit" or "op_Explicit" } conversion ? "~" + Reference(conversion.ReturnType) : string.Empty;
        return $"{Name(method.DeclaringType!)}.{method.Name.Replace('.', '#')}{arity}{Parameters(method.GetParameters())}{result}";
    }

    private static string Name(Type type)
    {
        Type definition = type.IsGenericType ? type.GetGenericTypeDefinition() : type;
        return definition.FullName!.Replace('+', '.');
    }

    private static string Parameters(ParameterInfo[] parameters) =>
        parameters.Length == 0 ? string.Empty : $"({string.Join(',', parameters.Select(static parameter => Reference(parameter.ParameterType)))})";

    private static string Reference(Type type)
    {
        if (type.IsByRef)
            return Reference(type.GetElementType()!) + "@";
        if (type.IsPointer)
            return Reference(type.GetElementType()!) + "*";
        if (type.IsArray)
            return Reference(type.GetElementType()!) + (type.GetArrayRank() == 1 ? "[]" : $"[{string.Join(',', Enumerable.Repeat("0:", type.GetArrayRank()))}]");
        if (type.IsGenericParameter)
            return string.Create(CultureInfo.InvariantCulture, $"{(type.DeclaringMethod is null ? "`" : "``")}{type.GenericParameterPosition}");
        return type.IsGenericType ? GenericReference(type) : type.FullName!.Replace('+', '.');
    }

    /// <summary>The arguments of a nested type stand behind the type that each belongs to.</summary>
    private static string GenericReference(Type type)
    {
        Queue<Type> arguments = new(type.GetGenericArguments());
        string[] names = Name(type)[(type.Namespace!.Length + 1)..].Split('.');
        for (int i = 0; i < names.Length; i++)
        {
            int tick = names[i].IndexOf('`', StringComparison.Ordinal);
            if (tick >= 0)
            {
                int arity = int.Parse(names[i].AsSpan(tick + 1), CultureInfo.InvariantCulture);
                names[i] = $"{names[i][..tick]}{{{string.Join(',', Enumerable.Range(0, arity).Select(_ => Reference(arguments.Dequeue())))}}}";
            }
        }

        return $"{type.Namespace}.{string.Join('.', names)}";
    }
}
