namespace TunFlow.Testing;

/// <summary>How much a test that repeats itself does: a little in the ordinary run, much more where <c>TUNFLOW_CAMPAIGN=1</c> is set.</summary>
public static class Campaign
{
    /// <summary>Whether this is a long run that hunts for races.</summary>
    public static bool IsOn { get; } = Environment.GetEnvironmentVariable("TUNFLOW_CAMPAIGN") == "1";

    /// <summary>Chooses a number of rounds.</summary>
    /// <param name="ordinary">The number in the ordinary run.</param>
    /// <param name="campaign">The number in a campaign.</param>
    public static int Rounds(int ordinary, int campaign) => IsOn ? campaign : ordinary;
}
