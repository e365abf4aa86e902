using System.Globalization;
using System.Text;
using TunFlow.Lwip;

namespace TunFlow.Cli.Output;

/// <summary>What <c>--stats</c> prints.</summary>
internal static class StatisticsTable
{
    internal static string Format(TunnelStatistics statistics)
    {
        LwipStatistics stack = statistics.Stack;
        StringBuilder table = new();
        Line(table, "tunnel", $"{statistics.Uptime.TotalSeconds:N1} s");
        long reset = stack.FlowsResetByApplication + stack.FlowsReset;
        int left = stack.Flows - stack.FlowsTimeWait;
        Line(table, "TCP flows", $"{stack.FlowsOpened:N0} opened, {stack.FlowsRefused:N0} refused, {reset:N0} reset, {left:N0} left");
        Line(table, "TCP bytes", $"{stack.StreamBytesUp:N0} up, {stack.StreamBytesDown:N0} down");
        Line(table, "UDP sessions", $"{stack.SessionsOpened:N0} opened, {stack.SessionsFailed:N0} failed, {stack.Sessions:N0} left");
        Line(table, "UDP datagrams", $"{stack.DatagramsUp:N0} up, {stack.DatagramsDown:N0} down, {stack.DatagramsFailed:N0} failed");
        Line(table, "packets", $"{stack.PacketsIn:N0} in, {stack.PacketsOut:N0} out, {stack.Retransmissions:N0} sent again");
        Line(table, "dropped", $"{stack.Drops.Total:N0}{Reasons(stack.Drops)}");
        Line(table, "native memory", $"{stack.NativeBytes:N0} bytes, {stack.NativeBytesPeak:N0} at most");
        if (stack.UnexpectedExceptions + stack.Asserts > 0)
            Line(table, "bugs", $"{stack.UnexpectedExceptions:N0} unexpected exceptions, {stack.Asserts:N0} assertions: please report");
        return table.ToString();
    }

    private static string Reasons(PacketDropCounters drops) => drops.Total == 0 ? string.Empty : $" ({drops})";

    private static void Line(StringBuilder table, string name, FormattableString value) =>
        table.Append(CultureInfo.InvariantCulture, $"  {name,-14}{value.ToString(CultureInfo.InvariantCulture)}\n");
}
