using System.Globalization;

namespace TunFlow.Network;

/// <summary>Names of ports: the system's services file (services(5)), and a few well-known ones for systems that have none.</summary>
internal sealed class ServiceNames
{
    // Written like the file. IANA, Service Name and Transport Protocol Port Number Registry.
    private const string WellKnown = """
        ftp 21/tcp
        ssh 22/tcp
        telnet 23/tcp
        smtp 25/tcp mail
        domain 53/tcp
        domain 53/udp
        http 80/tcp www
        pop3 110/tcp
        ntp 123/udp
        imap 143/tcp
        imap2 143/tcp
        snmp 161/udp
        ldap 389/tcp
        https 443/tcp
        https 443/udp
        submissions 465/tcp
        submission 587/tcp
        ldaps 636/tcp
        domain-s 853/tcp
        domain-s 853/udp
        imaps 993/tcp
        pop3s 995/tcp
        socks 1080/tcp
        stun 3478/tcp
        stun 3478/udp
        """;

    private static readonly Lazy<ServiceNames> s_system = new(ReadSystem);

    private readonly Dictionary<string, ushort> _tcp = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, ushort> _udp = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The names of this system, read once.</summary>
    public static ServiceNames System => s_system.Value;

    /// <summary>Reads texts in the form of the services file; what an earlier one says counts. Lines of other forms are comments to it.</summary>
    public static ServiceNames Read(params ReadOnlySpan<TextReader> texts)
    {
        ServiceNames names = new();
        foreach (TextReader text in texts)
        {
            while (text.ReadLine() is { } line)
            {
                names.Add(line);
            }
        }

        return names;
    }

    /// <summary>Finds a port by its name or one of its aliases, in any case.</summary>
    public bool TryFind(ReadOnlySpan<char> name, TransportProtocol protocol, out ushort port) =>
        (protocol == TransportProtocol.Tcp ? _tcp : _udp).GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out port);

    private static ServiceNames ReadSystem()
    {
        using StringReader wellKnown = new(WellKnown);
        string path = OperatingSystem.IsWindows()
            ? Path.Combine(Environment.SystemDirectory, "drivers", "etc", "services")
            : "/etc/services";
        try
        {
            using StreamReader file = File.OpenText(path);
            return Read(file, wellKnown);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Containers and phones have no such file, sandboxes may hide it.
            using StringReader again = new(WellKnown);
            return Read(again);
        }
    }

    private void Add(string line)
    {
        string[] words = line.Split('#')[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < 2)
        {
            return;
        }

        string[] number = words[1].Split('/');
        if (number.Length != 2 || !ushort.TryParse(number[0], NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
        {
            return;
        }

        Dictionary<string, ushort>? ports = number[1] switch { "tcp" => _tcp, "udp" => _udp, _ => null };
        for (int i = 0; i < words.Length && ports is not null; i++)
        {
            if (i != 1)
            {
                ports.TryAdd(words[i], port);
            }
        }
    }
}
