using System.Globalization;
using System.Text.Json;
using NUnit.Framework;

namespace TunFlow.Testing;

/// <summary>
/// How much a test that repeats itself does: a little in the ordinary run, much more where <c>TUNFLOW_CAMPAIGN=1</c> is set.
/// <c>./build.sh campaign</c> runs the tests of the categories Lifetime and Campaign, and of row 29, that way: a test that asks
/// here belongs to one of them.
/// </summary>
public static class Campaign
{
    private static readonly Lock s_lock = new();

    /// <summary>Whether this is a long run that hunts for races.</summary>
    public static bool IsOn { get; } = Environment.GetEnvironmentVariable("TUNFLOW_CAMPAIGN") == "1";

    /// <summary>Chooses a number of rounds.</summary>
    /// <param name="ordinary">The number in the ordinary run.</param>
    /// <param name="campaign">The number in a campaign.</param>
    public static int Rounds(int ordinary, int campaign) => IsOn ? campaign : ordinary;

    /// <summary>A number that a campaign sets for one of its parts, by the environment variable <c>TUNFLOW_CAMPAIGN_name</c>.</summary>
    /// <param name="name">The rest of the variable's name.</param>
    /// <param name="otherwise">The number where it isn't set.</param>
    public static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable($"TUNFLOW_CAMPAIGN_{name}") is { Length: > 0 } value ? int.Parse(value, CultureInfo.InvariantCulture) : otherwise;

    /// <summary>Writes a figure to the test's output and, in a campaign, to its record, from which docs/robustness.md is made.</summary>
    /// <param name="figure">What was counted or measured, with its unit.</param>
    /// <param name="value">The figure.</param>
    public static void Report(string figure, double value)
    {
        TestContext.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{figure}: {value:#,0.###}"));
        if (Environment.GetEnvironmentVariable("TUNFLOW_CAMPAIGN_FIGURES") is { Length: > 0 } file)
        {
            string line = JsonSerializer.Serialize(new Dictionary<string, object> { ["name"] = figure, ["value"] = value });
            lock (s_lock)
                File.AppendAllText(file, line + "\n");
        }
    }
}
