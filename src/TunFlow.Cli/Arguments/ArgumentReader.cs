namespace TunFlow.Cli.Arguments;

/// <summary>Walks through <c>--name value</c>, <c>--name=value</c> and <c>--flag</c> words up to <c>--</c>.</summary>
internal sealed class ArgumentReader(IReadOnlyList<string> arguments)
{
    private readonly HashSet<string> _seen = [];
    private int _next;
    private string? _attached;

    /// <summary>The option that was read last, with its dashes.</summary>
    internal string Option { get; private set; } = string.Empty;

    /// <summary>What follows <c>--</c>, once that was reached; else null.</summary>
    internal IReadOnlyList<string>? Rest { get; private set; }

    /// <summary>Moves to the next option; false at the end.</summary>
    internal bool Read()
    {
        RejectAttached();
        if (_next == arguments.Count)
            return false;
        string word = arguments[_next++];
        if (word == "--")
        {
            Rest = [.. arguments.Skip(_next)];
            _next = arguments.Count;
            return false;
        }

        if (word.Length < 2 || word[0] != '-')
            throw CliException.Usage($"unexpected argument '{word}'");
        int equals = word.StartsWith("--", StringComparison.Ordinal) ? word.IndexOf('=', StringComparison.Ordinal) : -1;
        Option = equals < 0 ? word : word[..equals];
        _attached = equals < 0 ? null : word[(equals + 1)..];
        return true;
    }

    /// <summary>The value of the current option.</summary>
    internal string Value()
    {
        if (_attached is { } attached)
        {
            _attached = null;
            return attached;
        }

        // A word that starts with a dash is never a value here: more likely the value was forgotten.
        if (_next == arguments.Count || arguments[_next].StartsWith('-'))
            throw CliException.Usage($"{Option} needs a value");
        return arguments[_next++];
    }

    /// <summary>The value of an option that may be given once.</summary>
    internal string SingleValue()
    {
        Once();
        return Value();
    }

    /// <summary>Notes a flag.</summary>
    internal bool Flag()
    {
        RejectAttached();
        Once();
        return true;
    }

    private void Once()
    {
        if (!_seen.Add(Option))
            throw CliException.Usage($"{Option} is given twice");
    }

    private void RejectAttached()
    {
        if (_attached is not null)
            throw CliException.Usage($"{Option} takes no value");
    }
}
