"""Why a video cannot be captioned."""

from shared.errors import Invalid


class NoSound(Invalid):
    """The video has no sound track, or an empty one."""

    code = "video_has_no_sound"
    title = "The video has no sound"


class UndecodableVideo(Invalid):
    """The file is no video that can be read, or its sound cannot be decoded at all."""

    code = "video_undecodable"
    title = "The sound of the video cannot be read"


class UnsupportedLanguage(Invalid):
    """Captions cannot be made in this language."""

    code = "language_not_supported"
    title = "This language is not supported"


class RecognitionTooSlow(Invalid):
    """Recognising the speech used up the time that a job may take."""

    code = "recognition_too_slow"
    title = "Recognising the speech took too long"


class RecognitionTooLarge(Invalid):
    """Recognising the speech needed more memory than a job may have."""

    code = "recognition_too_large"
    title = "Recognising the speech needed too much memory"
