namespace TunFlow.Lwip.Tests.Acceptance.Data.Steady;

/// <summary>Something that packets pass through.</summary>
internal interface ISteadyTraffic : IAsyncDisposable
{
    /// <summary>Returns when so many have arrived. Allocates nothing itself. An echo and its answer are two packets.</summary>
    void Pass(int packets);
}
