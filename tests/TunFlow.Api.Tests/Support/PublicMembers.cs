using System.Reflection;
using System.Runtime.CompilerServices;

namespace TunFlow.Api.Tests.Support;

/// <summary>What a user of an assembly can see and a person has written.</summary>
internal static class PublicMembers
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    internal static IEnumerable<MemberInfo> Of(Type type)
    {
        // What makes a delegate a delegate, and the number in an enumeration, are nobody's work.
        if (IsDelegate(type))
            return [];
        return type.GetMembers(Declared).Where(member => member is not Type && IsVisible(member) && IsWritten(member));
    }

    internal static bool IsDelegate(Type type) => type.IsSubclassOf(typeof(Delegate));

    /// <summary>Public, or open to derived classes of others. A member that implements an interface in private is documented there.</summary>
    private static bool IsVisible(MemberInfo member) => member switch
    {
        FieldInfo field => field is { IsSpecialName: false } && (field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly),
        PropertyInfo property => property.GetAccessors(nonPublic: true).Any(IsVisible),
        EventInfo happening => IsVisible(happening.AddMethod!),
        MethodBase method => IsVisible(method) && !(method.IsSpecialName && IsAccessor(method)),
        _ => false,
    };

    private static bool IsVisible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static bool IsAccessor(MethodBase method) =>
        method.Name.StartsWith("get_", StringComparison.Ordinal) || method.Name.StartsWith("set_", StringComparison.Ordinal)
        || method.Name.StartsWith("add_", StringComparison.Ordinal) || method.Name.StartsWith("remove_", StringComparison.Ordinal);

    // Records bring equality and printing, classes a constructor: the compiler writes no documentation for what it writes itself.
    private static bool IsWritten(MemberInfo member) =>
        !member.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false)
        && !(member is ConstructorInfo constructor && constructor.GetParameters().Length == 0)
        && !(member is ConstructorInfo copy && IsRecord(copy.DeclaringType!) && copy.GetParameters() is [{ } only] && only.ParameterType == copy.DeclaringType)
        && !(member is PropertyInfo { Name: "EqualityContract" });

    private static bool IsRecord(Type type) => type.GetMethod("<Clone>$", Declared) is not null;
}
