using System.Reflection;
using System.Runtime.CompilerServices;
using TunFlow.Api.Tests.Support;

namespace TunFlow.Api.Tests;

/// <summary>What whoever knows one type of these packages may expect of every other.</summary>
[TestFixture]
public sealed class ConsistencyTests
{
    // Made to be derived from, beside what is abstract.
    private static readonly string[] s_open = ["NetworkException", "DnsRecord"];

    [TestCaseSource(typeof(ProductAssemblies), nameof(ProductAssemblies.Cases))]
    public void Classes_are_sealed_unless_made_to_be_derived_from(Assembly assembly) =>
        AssertNone(assembly, static type => type is { IsClass: true, IsSealed: false, IsAbstract: false } && !s_open.Contains(type.Name)
            ? ["is neither sealed nor abstract"]
            : []);

    [TestCaseSource(typeof(ProductAssemblies), nameof(ProductAssemblies.Cases))]
    public void Asynchronous_methods_say_so_and_take_a_token_at_the_end_that_may_be_left_out(Assembly assembly) =>
        AssertNone(assembly, static type => Methods(type).SelectMany(Faults));

    [TestCaseSource(typeof(ProductAssemblies), nameof(ProductAssemblies.Cases))]
    public void Options_are_set_when_an_object_is_made_and_never_again(Assembly assembly) =>
        AssertNone(assembly, static type => type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            .Where(property => property.SetMethod is { IsPublic: true } && !type.IsValueType && property.Name != "Position" && !IsInit(property))
            .Select(static property => $"can be changed later: {property.Name}"));

    [TestCaseSource(typeof(ProductAssemblies), nameof(ProductAssemblies.Cases))]
    public void Null_is_refused_where_it_is_set(Assembly assembly) =>
        AssertNone(assembly, static type => type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            .Where(property => !type.IsInterface && !IsReport(type) && MustNotBeNull(property) && !RefusesNull(type, property))
            .Select(static property => $"takes null for {property.Name}"));

    [TestCaseSource(typeof(ProductAssemblies), nameof(ProductAssemblies.Cases))]
    public void Options_may_be_left_out(Assembly assembly) =>
        AssertNone(assembly, static type => Methods(type).Where(static method => !method.IsDefined(typeof(CompilerGeneratedAttribute))).Cast<MethodBase>()
            .Concat(type.GetConstructors())
            .SelectMany(static method => method.GetParameters())
            .Where(static parameter => parameter.ParameterType.Name.EndsWith("Options", StringComparison.Ordinal) && !parameter.IsOptional)
            .Select(static parameter => $"{parameter.Member.Name} demands {parameter.Name}"));

    private static void AssertNone(Assembly assembly, Func<Type, IEnumerable<string>> problems)
    {
        Type[] types = [.. assembly.GetExportedTypes().Where(static type => !PublicMembers.IsDelegate(type))];
        string[] found = [.. types.SelectMany(type => problems(type).Select(problem => $"{type.Name} {problem}"))];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(types, Is.Not.Empty, "the surface was not found");
            Assert.That(found, Is.Empty, string.Join('\n', found));
        }
    }

    private static IEnumerable<MethodInfo> Methods(Type type) =>
        type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly).Where(static method => !method.IsSpecialName);

    private static IEnumerable<string> Faults(MethodInfo method)
    {
        if (!IsAwaitable(method.ReturnType))
            yield break;
        if (!method.Name.EndsWith("Async", StringComparison.Ordinal))
            yield return $"{method.Name} is asynchronous and isn't called so";

        // Disposal takes no token, and what Stream declares is as it is.
        if (method.Name == "DisposeAsync" || method.GetBaseDefinition().DeclaringType == typeof(Stream))
            yield break;
        if (method.GetParameters() is not [.., { IsOptional: true } last] || last.ParameterType != typeof(CancellationToken))
            yield return $"{method.Name} has no optional token at its end";
    }

    private static bool IsAwaitable(Type type) =>
        type == typeof(Task) || type == typeof(ValueTask)
        || (type.IsGenericType && (type.GetGenericTypeDefinition() == typeof(Task<>) || type.GetGenericTypeDefinition() == typeof(ValueTask<>)));

    private static bool IsInit(PropertyInfo property) =>
        property.SetMethod!.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit));

    /// <summary>What the library says of itself: it makes these, and nothing takes them but the reader.</summary>
    private static bool IsReport(Type type) => new[] { "Statistics", "Snapshot", "Info" }.Any(kind => type.Name.EndsWith(kind, StringComparison.Ordinal));

    private static bool MustNotBeNull(PropertyInfo property) =>
        property.SetMethod is { IsPublic: true } && !property.PropertyType.IsValueType
        && new NullabilityInfoContext().Create(property).WriteState == NullabilityState.NotNull;

    private static bool RefusesNull(Type type, PropertyInfo property)
    {
        try
        {
            object target = RuntimeHelpers.GetUninitializedObject(type);
            property.SetMethod!.Invoke(target, BindingFlags.DoNotWrapExceptions, null, [null], null);
            // Options that depend on each other are checked together.
            type.GetMethod("Validate")?.Invoke(target, BindingFlags.DoNotWrapExceptions, null, null, null);
            return false;
        }
        catch (ArgumentNullException)
        {
            return true;
        }
    }
}
