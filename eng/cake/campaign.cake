#nullable enable

// The long forms of the tests: builds what the asked stages run, and leaves the rest to eng/campaign.
public static class Campaign
{
    public static void Run(string[] options, string configuration)
    {
        var stage = Array.IndexOf(options, "--stage");
        var stages = stage >= 0 && stage + 1 < options.Length ? options[stage + 1].Split(',') : [];
        if (!options.Any(option => option is "--report" or "--reset" or "--help" or "-h"))
            Build(stages, configuration);
        Shell.Run("sh", ["eng/campaign/run.sh", .. options]);
    }

    // No stages: all of them.
    private static void Build(string[] stages, string configuration)
    {
        Native.FetchLwip();
        if (stages.Length == 0 || stages.Contains("fuzz") || stages.Contains("packets"))
        {
            Native.Build("fuzz", "fuzz_abi");
            Native.Build("fuzz-no-asserts", "fuzz_abi");
        }

        if (stages.Length == 0 || stages.Any(stage => stage != "fuzz"))
        {
            Managed.GenerateBindings(check: true);
            Native.Build("release", "tunflow_lwip", "tunflow-launch", "tunflow-load");
            Managed.Build(configuration);
        }
    }
}
