namespace TunFlow;

/// <summary>Moves packets between a device and the stack.</summary>
internal interface IPacketEngine
{
    /// <summary>Completes when no more packets come from the device; faults if the device failed.</summary>
    Task Completion { get; }

    /// <summary>Packets of the stack that the device didn't take.</summary>
    long PacketsNotWritten { get; }

    /// <summary>Begins. Called once.</summary>
    void Start();

    /// <summary>It could not begin: lets go of the device, and <see cref="Completion"/> says why. Harmless if it did begin.</summary>
    void Fail(Exception exception);

    /// <summary>Takes no more packets from the device; those of the stack still go to it.</summary>
    void StopInput();

    /// <summary>Lets go of the device, whose place another takes. The stack goes on, and its output waits.</summary>
    ValueTask DetachAsync();

    /// <summary>The stack is disposed: passes on what is left of its output, and frees everything.</summary>
    ValueTask StopAsync();
}
