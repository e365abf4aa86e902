using TunFlow.Devices.Linux.Launch;

namespace TunFlow.Cli.Tests;

[TestFixture]
public sealed class ProgramTests
{
    [TestCase("--help")]
    [TestCase("-h")]
    [TestCase("help")]
    [TestCase("run", "--help")]
    [TestCase("up", "--help")]
    public async Task Help_goes_to_standard_output(params string[] arguments)
    {
        (int code, string output, string error) = await RunAsync(arguments);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(code, Is.Zero);
            Assert.That(output, Does.StartWith("usage: tunflow "));
            Assert.That(output.Split('\n').Select(static line => line.Length), Is.All.LessThanOrEqualTo(120));
            Assert.That(error, Is.Empty);
        }
    }

    [Test]
    public async Task Help_of_run_names_the_stand_ins_of_the_hosts_loopback()
    {
        (_, string output, _) = await RunAsync("run", "--help");

        Assert.That(output, Does.Contain($"{LaunchAddresses.HostLoopback4} stands for 127.0.0.1").And.Contain($"{LaunchAddresses.HostLoopback6} for ::1"));
    }

    [Test]
    public async Task Version_is_one_line()
    {
        (int code, string output, _) = await RunAsync("--version");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(code, Is.Zero);
            Assert.That(output, Does.Match(@"^tunflow \d+\.\d+\.\d+\S*\n$"));
        }
    }

    [Test]
    public async Task Nothing_asked_for_is_wrong_usage()
    {
        (int code, string output, string error) = await RunAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(code, Is.EqualTo(2));
            Assert.That(output, Is.Empty);
            Assert.That(error, Does.StartWith("usage: tunflow "));
        }
    }

    [TestCase("unknown command 'ruin'", "ruin", "--", "true")]
    [TestCase("unknown option '--colour'", "--colour")]
    [TestCase("unknown option '--version=3'", "--version=3")]
    [TestCase("unknown command ''", "")]
    [TestCase("unknown option '--a?b?[31m'", "run", "--a\nb\u001b[31m", "--", "true")]
    public async Task Wrong_usage_is_one_line(string expected, params string[] arguments)
    {
        (int code, string output, string error) = await RunAsync(arguments);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(code, Is.EqualTo(2));
            Assert.That(output, Is.Empty);
            Assert.That(error, Does.StartWith("tunflow: ").And.Contain(expected));
            Assert.That(error.TrimEnd('\n'), Does.Not.Contain('\n'));
        }
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        await using StringWriter output = new() { NewLine = "\n" };
        await using StringWriter error = new() { NewLine = "\n" };
        int code = await Program.MainAsync(arguments, output, error);
        return (code, output.ToString(), error.ToString());
    }
}
