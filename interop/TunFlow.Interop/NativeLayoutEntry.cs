namespace TunFlow.Interop;

/// <summary>Size and offset, in bytes, of a struct ("tf_event") or one of its fields ("tf_event.id").</summary>
internal readonly record struct NativeLayoutEntry(string Name, uint Size, uint Offset);
