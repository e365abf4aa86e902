using TunFlow.Interop;

namespace TunFlow.Lwip;

/// <summary>Takes the device's output as it comes, in order, from whichever thread made it; one call at a time.</summary>
internal unsafe interface IOutputSink
{
    /// <summary>Writes packets out. They are freed when the call returns. Must not throw, wait, or call into the device.</summary>
    void Write(TfOutput** entries, int count);
}
