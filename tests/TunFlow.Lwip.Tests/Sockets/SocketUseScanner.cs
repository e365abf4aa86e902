using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace TunFlow.Lwip.Tests;

/// <summary>Reads the code of an assembly for everything that opens sockets.</summary>
internal sealed class SocketUseScanner
{
    private static readonly string[] s_constructors =
    [
        "System.Net.Sockets.Socket", "System.Net.Sockets.TcpClient", "System.Net.Sockets.UdpClient", "System.Net.Sockets.TcpListener",
        "System.Net.Http.HttpClient", "System.Net.Http.HttpClientHandler", "System.Net.Http.SocketsHttpHandler",
        "System.Net.WebClient", "System.Net.HttpListener", "System.Net.Mail.SmtpClient", "System.Net.WebSockets.ClientWebSocket",
        "System.Net.NetworkInformation.Ping", "System.Security.Cryptography.X509Certificates.X509Chain",
    ];

    // Of this library: who makes one must pass the configurator on.
    private static readonly string[] s_own = ["TunFlow.Network.TcpDialer", "TunFlow.Network.UdpDialer", "TunFlow.Network.UdpListener"];

    private static readonly string[] s_statics = ["System.Net.Dns", "System.Net.WebRequest", "System.Net.Quic.QuicConnection", "System.Net.Quic.QuicListener", "System.Security.Cryptography.X509Certificates.X509Chain"];

    private static readonly string[] s_imports = ["socket", "connect", "connectx", "sendto", "accept", "accept4", "getaddrinfo", "gethostbyname", "WSASocketA", "WSASocketW", "WSAConnect", "syscall"];

    private static readonly Dictionary<int, OpCode> s_opcodes = typeof(OpCodes).GetFields()
        .Select(field => (OpCode)field.GetValue(null)!)
        .ToDictionary(code => code.Value & 0xFFFF);

    private readonly MetadataReader _metadata;
    private readonly PEReader _image;

    private SocketUseScanner(PEReader image)
    {
        _image = image;
        _metadata = image.GetMetadataReader();
    }

    public static IReadOnlyList<SocketUse> Scan(string path)
    {
        using PEReader image = new(File.OpenRead(path));
        return [.. new SocketUseScanner(image).Scan()];
    }

    private IEnumerable<SocketUse> Scan()
    {
        foreach (MethodDefinitionHandle handle in _metadata.MethodDefinitions)
        {
            MethodDefinition method = _metadata.GetMethodDefinition(handle);
            string type = OutermostType(method.GetDeclaringType());
            MethodImport import = method.GetImport();
            if (!import.Module.IsNil && s_imports.Contains(_metadata.GetString(import.Name)))
            {
                yield return new SocketUse(type, $"import {_metadata.GetString(import.Name)}");
            }

            if (method.RelativeVirtualAddress == 0)
            {
                continue;
            }

            foreach (string called in Calls(_image.GetMethodBody(method.RelativeVirtualAddress)))
            {
                yield return new SocketUse(type, called);
            }
        }
    }

    private List<string> Calls(MethodBodyBlock body)
    {
        List<string> found = [];
        BlobReader code = body.GetILReader();
        while (code.RemainingBytes > 0)
        {
            int value = code.ReadByte();
            OpCode opcode = s_opcodes[value == 0xFE ? 0xFE00 | code.ReadByte() : value];
            switch (opcode.OperandType)
            {
                case OperandType.InlineMethod or OperandType.InlineTok:
                    if (Name(MetadataTokens.EntityHandle(code.ReadInt32())) is { } name)
                    {
                        found.Add(name);
                    }

                    break;
                case OperandType.InlineSwitch:
                    int targets = code.ReadInt32();
                    code.Offset += targets * 4;
                    break;
                default:
                    code.Offset += OperandSize(opcode.OperandType);
                    break;
            }
        }

        return found;
    }

    private static int OperandSize(OperandType type) => type switch
    {
        OperandType.InlineNone => 0,
        OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
        OperandType.InlineVar => 2,
        OperandType.InlineI8 or OperandType.InlineR => 8,
        _ => 4,
    };

    /// <summary>The name of a method that opens sockets, or null for all others.</summary>
    private string? Name(EntityHandle method)
    {
        if (method.Kind == HandleKind.MethodSpecification)
        {
            method = _metadata.GetMethodSpecification((MethodSpecificationHandle)method).Method;
        }

        if (method.Kind == HandleKind.MethodDefinition)
        {
            MethodDefinition own = _metadata.GetMethodDefinition((MethodDefinitionHandle)method);
            TypeDefinition declaring = _metadata.GetTypeDefinition(own.GetDeclaringType());
            string owner = $"{_metadata.GetString(declaring.Namespace)}.{_metadata.GetString(declaring.Name)}";
            return s_own.Contains(owner) && _metadata.GetString(own.Name) == ".ctor" ? $"{owner}..ctor" : null;
        }

        if (method.Kind != HandleKind.MemberReference)
        {
            return null;
        }

        MemberReference member = _metadata.GetMemberReference((MemberReferenceHandle)method);
        if (member.Parent.Kind != HandleKind.TypeReference)
        {
            return null;
        }

        TypeReference parent = _metadata.GetTypeReference((TypeReferenceHandle)member.Parent);
        string type = $"{_metadata.GetString(parent.Namespace)}.{_metadata.GetString(parent.Name)}";
        string name = _metadata.GetString(member.Name);
        bool opens = (name == ".ctor" && (s_constructors.Contains(type) || s_own.Contains(type)))
            || s_statics.Contains(type)
            || (type == "System.Net.Sockets.Socket" && name == "ConnectAsync" && IsStatic(member))

            // Fetches missing certificates and revocation lists by connections of its own, unless it is told not to.
            || (type == "System.Net.Security.SslStream" && name.StartsWith("AuthenticateAs", StringComparison.Ordinal));
        return opens ? $"{type}.{name}" : null;
    }

    private bool IsStatic(MemberReference member) => !_metadata.GetBlobReader(member.Signature).ReadSignatureHeader().IsInstance;

    private string OutermostType(TypeDefinitionHandle handle)
    {
        TypeDefinition type = _metadata.GetTypeDefinition(handle);
        while (!type.GetDeclaringType().IsNil)
        {
            type = _metadata.GetTypeDefinition(type.GetDeclaringType());
        }

        return $"{_metadata.GetString(type.Namespace)}.{_metadata.GetString(type.Name)}";
    }
}
