using System.Globalization;

namespace TunFlow.Testing;

/// <summary>
/// Marks a test that shows a row of the acceptance plan met, at its pass criteria. Run a row's tests with
/// <c>dotnet test --filter Category=Row9</c>; docs/acceptance.md lists them.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method, AllowMultiple = true)]
public sealed class AcceptanceRowAttribute(int number) : CategoryAttribute("Row" + number.ToString(CultureInfo.InvariantCulture))
{
    /// <summary>1 to 47.</summary>
    public int Number { get; } = number;
}
