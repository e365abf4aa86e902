using System.Globalization;

namespace TunFlow.Testing;

/// <summary>
/// Marks a test that shows one of the weaknesses W1 to W31 of the Go original beaten, at its figure. Run a weakness' tests with
/// <c>dotnet test --filter Category=W7</c>; docs/acceptance.md lists them.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method, AllowMultiple = true)]
public sealed class WeaknessAttribute(int number) : CategoryAttribute("W" + number.ToString(CultureInfo.InvariantCulture))
{
    /// <summary>1 to 31.</summary>
    public int Number { get; } = number;
}
