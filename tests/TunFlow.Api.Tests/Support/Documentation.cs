using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace TunFlow.Api.Tests.Support;

/// <summary>The documentation file of an assembly, as it is packed beside it.</summary>
internal sealed partial class Documentation
{
    private readonly Dictionary<string, XElement> _members;

    private Documentation(Dictionary<string, XElement> members)
    {
        _members = members;
    }

    internal static Documentation Load(Assembly assembly)
    {
        XDocument file = XDocument.Load(Path.ChangeExtension(assembly.Location, ".xml"));
        return new Documentation(file.Descendants("member").ToDictionary(static member => (string)member.Attribute("name")!));
    }

    internal XElement? Find(MemberInfo member) => _members.GetValueOrDefault(DocumentationId.Of(member));

    /// <summary>The words of an element; references appear as the names that they refer to.</summary>
    internal static string Words(XElement? element)
    {
        if (element is null)
            return string.Empty;
        IEnumerable<string> words = element.DescendantNodes().Select(static node => node switch
        {
            XText text => text.Value,
            XElement { Name.LocalName: "see" or "paramref" or "typeparamref" } reference when !reference.Nodes().Any() =>
                ((string?)reference.Attribute("cref") ?? (string?)reference.Attribute("langword") ?? (string?)reference.Attribute("name") ?? (string?)reference.Attribute("href"))!
                    .Split(['.', ':'])[^1],
            XElement { Name.LocalName: "para" } => " ",
            _ => string.Empty,
        });
        return Spaces().Replace(string.Concat(words), " ").Trim();
    }

    internal static string Summary(XElement? member) => Words(member?.Element("summary"));

    internal static string SummaryAndRemarks(XElement? member) =>
        $"{Summary(member)} {string.Join(' ', (member?.Elements("remarks") ?? []).Select(Words))}";

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
