using System.Globalization;

namespace TunFlow.EndToEnd.Tests.Harness;

/// <summary>How often the threads of a process were put on a processor, from proc(5).</summary>
internal static class ThreadSwitches
{
    /// <summary>By the thread's id and name.</summary>
    internal static IReadOnlyDictionary<string, long> Of(int process)
    {
        Dictionary<string, long> result = [];
        foreach (string directory in Directory.GetDirectories($"/proc/{process}/task"))
        {
            string status = Path.Combine(directory, "status");
            try
            {
                string name = $"{Path.GetFileName(directory)} {File.ReadAllText(Path.Combine(directory, "comm")).Trim()}";
                result[name] = Field(status, "voluntary_ctxt_switches") + Field(status, "nonvoluntary_ctxt_switches");
            }
            catch (IOException) when (!Directory.Exists(directory))
            {
                // The thread ended meanwhile.
            }
        }

        return result;
    }

    /// <summary>The number behind a name in a status file.</summary>
    internal static long Field(string status, string name)
    {
        string line = File.ReadLines(status).First(line => line.StartsWith(name + ":", StringComparison.Ordinal));
        return long.Parse(line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}
