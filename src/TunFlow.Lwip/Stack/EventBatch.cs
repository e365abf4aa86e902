using System.Runtime.CompilerServices;

namespace TunFlow.Lwip;

/// <summary>Endpoints with news, carried out of the stack's lock on the caller's own stack frame.</summary>
internal ref struct EventBatch
{
    public const int Capacity = 32;

    private Slots _slots;
    private int _count;

    public void Add(IStackEndpoint endpoint) => _slots[_count++] = endpoint;

    public readonly void Dispatch()
    {
        for (int i = 0; i < _count; i++)
            _slots[i]!.Dispatch();
    }

    [InlineArray(Capacity)]
    private struct Slots
    {
        private IStackEndpoint? _first;
    }
}
