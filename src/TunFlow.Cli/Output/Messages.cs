namespace TunFlow.Cli.Output;

/// <summary>Lines for the user on standard error.</summary>
internal static class Messages
{
    internal static void Write(TextWriter error, string message) => error.WriteLine($"tunflow: {OneLine(message)}");

    /// <summary>
    /// Names, paths and kernel messages may hold anything; the user still gets one line that a terminal does not obey.
    /// </summary>
    internal static string OneLine(string message) =>
        string.Create(message.Length, message, static (line, text) =>
        {
            for (int i = 0; i < line.Length; i++)
                line[i] = char.IsControl(text[i]) ? '?' : text[i];
        });
}
