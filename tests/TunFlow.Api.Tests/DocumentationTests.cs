using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using TunFlow.Api.Tests.Support;

namespace TunFlow.Api.Tests;

/// <summary>What a user reads beside the code: there for everything that is public, with units and threading. (CS1591 and CS1574 are errors, too; these look further.)</summary>
[TestFixture]
public sealed partial class DocumentationTests
{
    [TestCaseSource(typeof(ProductAssemblies), nameof(ProductAssemblies.Cases))]
    public void Every_type_and_member_has_a_summary_that_is_a_sentence(Assembly assembly) =>
        AssertNone(assembly, static (member, documentation) => Inherits(member, documentation)
            ? []
            : Documentation.Summary(documentation) is { Length: > 3 } summary && summary[^1] is '.' or ')' or ':' or '?' ? [] : ["has no summary, or one that is no sentence"]);

    [TestCaseSource(typeof(ProductAssemblies), nameof(ProductAssemblies.Cases))]
    public void Every_parameter_is_described(Assembly assembly) =>
        AssertNone(assembly, static (member, documentation) => Inherits(member, documentation)
            ? []
            : ParameterNames(member).Where(name => Described(documentation, name).Length < 4).Select(static name => $"does not describe {name}"));

    [TestCaseSource(typeof(ProductAssemblies), nameof(ProductAssemblies.Cases))]
    public void Inherited_documentation_has_somewhere_to_come_from(Assembly assembly) =>
        AssertNone(assembly, static (member, documentation) =>
            documentation?.Element("inheritdoc") is { } inherit && inherit.Attribute("cref") is null && !Overrides(member) ? ["inherits from nothing"] : []);

    [TestCaseSource(typeof(ProductAssemblies), nameof(ProductAssemblies.Cases))]
    public void Every_number_that_can_be_set_says_what_it_counts_and_what_it_is_by_default(Assembly assembly) =>
        AssertNone(assembly, static (member, documentation) =>
        {
            if (member is not PropertyInfo { SetMethod: not null } option || !option.DeclaringType!.Name.EndsWith("Options", StringComparison.Ordinal))
                return [];
            string summary = Documentation.Summary(documentation) + " " + Documentation.Words(documentation?.Element("remarks"));
            List<string> missing = [];
            if (IsNumber(option.PropertyType) && !Units().IsMatch(summary))
                missing.Add("does not say what it counts (bytes, packets, seconds...)");
            if (!IsEvident(option) && !Defaults().IsMatch(summary))
                missing.Add("does not say its default");
            return missing;
        });

    [TestCaseSource(typeof(ProductAssemblies), nameof(ProductAssemblies.Cases))]
    public void Every_contract_and_every_class_with_asynchronous_members_says_from_which_threads(Assembly assembly) =>
        AssertNone(assembly, static (member, documentation) => member is Type type && NeedsThreads(type) && !Threads().IsMatch(Documentation.SummaryAndRemarks(documentation))
            ? ["says nothing about threads or concurrency"]
            : []);

    private static void AssertNone(Assembly assembly, Func<MemberInfo, XElement?, IEnumerable<string>> problems)
    {
        var documentation = Documentation.Load(assembly);
        MemberInfo[] members = [.. assembly.GetExportedTypes().SelectMany(static type => PublicMembers.Of(type).Prepend(type))];
        string[] found = [.. members.SelectMany(member => problems(member, documentation.Find(member)).Select(problem => $"{DocumentationId.Of(member)} {problem}"))];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(members, Has.Length.GreaterThan(10), "the surface was not found");
            Assert.That(found, Is.Empty, string.Join('\n', found));
        }
    }

    private static bool Inherits(MemberInfo member, XElement? documentation) =>
        documentation?.Element("inheritdoc") is not null && (member is not Type || documentation.Element("inheritdoc")!.Attribute("cref") is not null);

    private static IEnumerable<string> ParameterNames(MemberInfo member)
    {
        (MethodBase? Method, Type[] Generic) shape = member switch
        {
            Type type when PublicMembers.IsDelegate(type) => (type.GetMethod("Invoke"), type.GetGenericArguments()),
            Type type => (null, type.GetGenericArguments()),
            PropertyInfo property => (property.GetMethod, []),
            MethodInfo method => (method, method.GetGenericArguments()),
            ConstructorInfo constructor => (constructor, []),
            _ => (null, []),
        };
        return (shape.Method?.GetParameters() ?? []).Select(static parameter => parameter.Name!).Concat(shape.Generic.Select(static generic => generic.Name));
    }

    private static string Described(XElement? documentation, string name) =>
        Documentation.Words(documentation?.Elements().FirstOrDefault(element =>
            element.Name.LocalName is "param" or "typeparam" && (string?)element.Attribute("name") == name));

    private static bool Overrides(MemberInfo member) => member switch
    {
        MethodInfo method => method.GetBaseDefinition() != method || Implements(method),
        PropertyInfo property => (property.GetMethod ?? property.SetMethod)! is var accessor && (accessor.GetBaseDefinition() != accessor || Implements(accessor)),
        Type type => type.GetInterfaces().Length > 0 || type.BaseType != typeof(object),
        _ => false,
    };

    private static bool Implements(MethodInfo method)
    {
        Type type = method.DeclaringType!;
        return !type.IsInterface && type.GetInterfaces().Any(contract => type.GetInterfaceMap(contract).TargetMethods.Contains(method));
    }

    /// <summary>No value, the system's clock, or a constant beside it that is documented itself.</summary>
    private static bool IsEvident(PropertyInfo option) =>
        new NullabilityInfoContext().Create(option).ReadState == NullabilityState.Nullable
        || option.PropertyType == typeof(TimeProvider)
        || option.DeclaringType!.GetField("Default" + option.Name) is not null;

    private static bool IsNumber(Type type) =>
        (Nullable.GetUnderlyingType(type) ?? type) is { IsEnum: false } number && Type.GetTypeCode(number) is >= TypeCode.SByte and <= TypeCode.Decimal;

    private static bool NeedsThreads(Type type) =>
        !PublicMembers.IsDelegate(type) && !(type.IsAbstract && type.IsSealed) && PublicMembers.Of(type).Any(static member => member is MethodInfo { ReturnType: var result } && IsTask(result));

    private static bool IsTask(Type type) =>
        type == typeof(Task) || type == typeof(ValueTask)
        || (type.IsGenericType && (type.GetGenericTypeDefinition() == typeof(Task<>) || type.GetGenericTypeDefinition() == typeof(ValueTask<>)));

    [GeneratedRegex(@"thread|concurren|at the same time", RegexOptions.IgnoreCase)]
    private static partial Regex Threads();

    [GeneratedRegex(@"\b(bytes?|KiB|MiB|bits?|packets?|datagrams?|flows?|sessions?|associations?|queries|messages?|connections?|attempts?|times|entries|addresses|dials?|seconds?|percent|probability|0 to 1|seed|code|port)\b", RegexOptions.IgnoreCase)]
    private static partial Regex Units();

    [GeneratedRegex(@"\bdefault\b|\bnull\b|\bnone\b|\bif true\b|^whether|^true\b", RegexOptions.IgnoreCase)]
    private static partial Regex Defaults();
}
