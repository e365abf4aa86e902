namespace TunFlow.PacketScripts.Language;

/// <summary>A field of a packet, and what can be asked of it.</summary>
internal sealed class Field<T>
    where T : struct, IComparable<T>
{
    private readonly string _name;
    private readonly Func<ReceivedPacket, T?> _read;

    public Field(string name, Func<ReceivedPacket, T?> read)
    {
        _name = name;
        _read = read;
    }

    public PacketCheck Is(T value) => Make($"= {value}", v => v.CompareTo(value) == 0);

    public PacketCheck IsNot(T value) => Make($"other than {value}", v => v.CompareTo(value) != 0);

    public PacketCheck AtLeast(T value) => Make($"of at least {value}", v => v.CompareTo(value) >= 0);

    public PacketCheck AtMost(T value) => Make($"of at most {value}", v => v.CompareTo(value) <= 0);

    public PacketCheck Between(T least, T most) =>
        Make($"from {least} to {most}", v => v.CompareTo(least) >= 0 && v.CompareTo(most) <= 0);

    public PacketCheck IsAbsent() =>
        new($"no {_name}", p => _read(p) is { } value ? $"{_name} is {value}" : null);

    private PacketCheck Make(string asked, Func<T, bool> isMet) => new($"{_name} {asked}", p => _read(p) switch
    {
        null => $"there is no {_name}",
        { } value when isMet(value) => null,
        { } value => $"{_name} is {value}",
    });
}
